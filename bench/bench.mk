# SPDX-License-Identifier: MIT
# The bench: $(BUILD)/bench/kipc-bench measures, $(BUILD)/bench/kipc-bench-report shows
#
#   make bench              everything, at most 10 minutes
#   make bench QUICK=1      fewer sizes and repetitions, at most 60 seconds
#   make bench PEERS=1      other libraries too, as far as Debian packages them
#   make bench BENCH=...    more options, as in BENCH='--only=shm,pipe --sizes=64,4K'
#
# Results: $(BUILD)/bench/results.json and report.html.

BENCH_DIR := $(BUILD)/bench
BENCH_SRC := $(wildcard bench/*.c)
BENCH_OBJ := $(BENCH_SRC:%.c=$(BUILD)/%.o)
BENCH_REPORT_SRC := $(wildcard bench/report/*.c) bench/whole.c
BENCH_REPORT_OBJ := $(BENCH_REPORT_SRC:%.c=$(BUILD)/%.o)
BENCH_CFLAGS := -Ibench -Ilib/include
BENCH_COMMIT = $(shell git describe --always --dirty 2>/dev/null || echo $(VERSION))

# One shared object a peer, of those whose headers are here: NAME and the header to look for.
BENCH_PEER_HEADERS := ck_ring=ck_ring.h rte_ring=dpdk/rte_ring_elem.h nng=nng/nng.h zeromq=zmq.h \
	boost_mq=boost/interprocess/ipc/message_queue.hpp libfabric=rdma/fabric.h \
	ucx=ucp/api/ucp.h iceoryx=iceoryx/v2.0.3/iceoryx_binding_c/api.h
peer_CFLAGS_rte_ring = $(patsubst -I%,-isystem%,$(shell pkg-config --cflags libdpdk))
peer_CFLAGS_iceoryx := -isystem/usr/include/iceoryx/v2.0.3
peer_LIBS_ck_ring := -lck
peer_LIBS_rte_ring := -lrte_ring -lrte_eal
peer_LIBS_zeromq := -lzmq
peer_LIBS_nng := -lnng
peer_LIBS_iceoryx := -liceoryx_binding_c -liceoryx_posh -liceoryx_hoofs -liceoryx_platform
peer_LIBS_libfabric := -lfabric
peer_LIBS_ucx := -lucp -lucs
peer_OBJ_boost_mq := $(BUILD)/bench/peers/boost_mq_queue.o
ifneq ($(filter-out 0,$(PEERS)),)
peer_here = $(shell echo '\#include <$(2)>' | $(CC) -x $(if $(filter %.hpp,$(2)),c++,c) -E - >/dev/null 2>&1 && echo $(1))
BENCH_PEERS := $(foreach p,$(BENCH_PEER_HEADERS),$(call peer_here,$(firstword $(subst =, ,$(p))),$(lastword $(subst =, ,$(p)))))
BENCH_PEER_SO := $(BENCH_PEERS:%=$(BENCH_DIR)/peers/%.so)
endif

.PHONY: bench bench-run bench-build test-bench

# What the machine lacks comes first; whatever is built after it finds it there.
bench:
	$(Q).ci/deps.sh bench $(if $(filter-out 0,$(PEERS)),peers)
	$(Q)$(MAKE) --no-print-directory -j$(shell nproc) bench-build
	$(Q)$(MAKE) --no-print-directory bench-run

bench-build: $(BENCH_DIR)/kipc-bench $(BENCH_DIR)/kipc-bench-report $(BENCH_PEER_SO)

# Its command line, nothing measured; the last line is "bench: N passed, N failed, N skipped".
test-bench: bench-build
	$(Q)BUILD=$(BUILD) bench/test.sh

bench-run:
	$(Q)$(BENCH_DIR)/kipc-bench $(if $(filter-out 0,$(QUICK)),--quick) \
		$(if $(filter-out 0,$(PEERS)),--peers=$(BENCH_DIR)/peers) --commit=$(BENCH_COMMIT) \
		--json=$(BENCH_DIR)/results.json $(BENCH)
	$(Q)$(BENCH_DIR)/kipc-bench-report --store --html=$(BENCH_DIR)/report.html $(BENCH_DIR)/results.json

$(BUILD)/bench/%.o: bench/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(BENCH_CFLAGS) -MMD -MP -c -o $@ $<

$(BENCH_DIR)/kipc-bench: $(BENCH_OBJ) $(LIB_A)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -rdynamic -o $@ $(BENCH_OBJ) $(LIB_A) $(LIB_LIBS) -ljansson -lrt

$(BUILD)/bench/peers/%.o: bench/peers/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -fPIC $(peer_CFLAGS_$*) -MMD -MP -c -o $@ $<

$(BUILD)/bench/peers/%.o: bench/peers/%.cc
	@mkdir -p $(@D)
	$(Q)$(CXX) -O2 -g -Wall -Wextra -Werror -fPIC -pthread -MMD -MP -c -o $@ $<

$(BENCH_DIR)/peers/boost_mq.so: $(peer_OBJ_boost_mq)
$(BENCH_DIR)/peers/%.so: $(BUILD)/bench/peers/%.o
	$(Q)$(CXX) -shared -pthread $(LDFLAGS) -o $@ $^ $(peer_LIBS_$*) -lrt

.SECONDARY: $(BENCH_PEERS:%=$(BUILD)/bench/peers/%.o)

$(BENCH_DIR)/kipc-bench-report: $(BENCH_REPORT_OBJ)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(BENCH_REPORT_OBJ) -ljansson -lm

-include $(BENCH_OBJ:.o=.d) $(BENCH_REPORT_OBJ:.o=.d) $(wildcard $(BUILD)/bench/peers/*.d)

# SPDX-License-Identifier: MIT
# The bench: $(BUILD)/bench/kipc-bench measures, $(BUILD)/bench/kipc-bench-report shows
#
#   make bench              everything, at most 10 minutes
#   make bench QUICK=1      fewer sizes and repetitions, at most 60 seconds
#   make bench BENCH=...    more options, as in BENCH='--only=shm,pipe --sizes=64,4K'
#
# Results: $(BUILD)/bench/results.json and report.html.

BENCH_DIR := $(BUILD)/bench
BENCH_SRC := $(wildcard bench/*.c)
BENCH_OBJ := $(BENCH_SRC:%.c=$(BUILD)/%.o)
BENCH_REPORT_SRC := $(wildcard bench/report/*.c)
BENCH_REPORT_OBJ := $(BENCH_REPORT_SRC:%.c=$(BUILD)/%.o)
BENCH_CFLAGS := -Ibench -Ilib/include
BENCH_COMMIT = $(shell git describe --always --dirty 2>/dev/null || echo $(VERSION))

.PHONY: bench bench-run bench-build

# What the machine lacks comes first; whatever is built after it finds it there.
bench:
	$(Q).ci/deps.sh bench
	$(Q)$(MAKE) --no-print-directory -j$(shell nproc) bench-build
	$(Q)$(MAKE) --no-print-directory bench-run

bench-build: $(BENCH_DIR)/kipc-bench $(BENCH_DIR)/kipc-bench-report

bench-run:
	$(Q)$(BENCH_DIR)/kipc-bench $(if $(filter-out 0,$(QUICK)),--quick) --commit=$(BENCH_COMMIT) \
		--json=$(BENCH_DIR)/results.json $(BENCH)
	$(Q)$(BENCH_DIR)/kipc-bench-report --html=$(BENCH_DIR)/report.html $(BENCH_DIR)/results.json

$(BUILD)/bench/%.o: bench/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(BENCH_CFLAGS) -MMD -MP -c -o $@ $<

$(BENCH_DIR)/kipc-bench: $(BENCH_OBJ) $(LIB_A)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(BENCH_OBJ) $(LIB_A) $(LIB_LIBS) -luring -ljansson -lrt

$(BENCH_DIR)/kipc-bench-report: $(BENCH_REPORT_OBJ)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(BENCH_REPORT_OBJ) -ljansson -lm

-include $(BENCH_OBJ:.o=.d) $(BENCH_REPORT_OBJ:.o=.d)

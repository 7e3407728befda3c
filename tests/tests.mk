# SPDX-License-Identifier: MIT
#
#   make tests        builds all test programs into $(BUILD)/tests
#   make test-host    builds and runs those that need no module; the last line is
#                     "test-host: N passed, N failed, N skipped"
#   make test-model   the model checker alone, over the real code and over broken twins of it
#
# unit reaches into the library, conformance sees kipc.h only, uapi no library at all. All are linked
# against the static library, so that they run from anywhere, also inside a test machine.

TESTS_OBJDIR := $(BUILD)/tests/obj
TESTS_BIN := $(addprefix $(BUILD)/tests/,unit conformance abi uapi)
TESTS_ROUNDTRIP := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/vm/roundtrip.c))

tests_objects = $(patsubst tests/%.c,$(TESTS_OBJDIR)/%.o,tests/harness.c tests/runner.c tests/sweep.c $(wildcard tests/$(1)/*.c))
TESTS_ALL_OBJ := $(foreach t,unit conformance abi uapi,$(call tests_objects,$(t)))

$(TESTS_OBJDIR)/%: TESTS_CFLAGS := -Ilib/include
$(TESTS_OBJDIR)/unit/% $(TESTS_OBJDIR)/abi/%: TESTS_CFLAGS := -Ilib/include -Ilib -Ikmod/uapi
$(TESTS_OBJDIR)/uapi/%: TESTS_CFLAGS := -Ikmod/uapi

# The model checker is C++ and slow to compile; the models and their twins are C, and run.sh's.
TESTS_CHECKER := $(if $(wildcard /usr/include/relacy/relacy.hpp),$(BUILD)/tests/model/checker.o)

.PHONY: tests test-host test-model
tests: $(TESTS_CHECKER) $(TESTS_BIN) $(TESTS_ROUNDTRIP) $(BUILD)/tests/vm-list

$(TESTS_OBJDIR)/%.o: tests/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(TESTS_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/tests/unit: $(call tests_objects,unit) $(LIB_A)
$(BUILD)/tests/conformance: $(call tests_objects,conformance) $(LIB_A)
$(BUILD)/tests/abi: $(call tests_objects,abi) $(LIB_A)
$(BUILD)/tests/uapi: $(call tests_objects,uapi)

$(TESTS_BIN):
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIB_LIBS) -lcriterion

# It stands alone: what it counts must not come from a test framework.
$(BUILD)/tests/vm/roundtrip: tests/vm/roundtrip.c tests/vm/roundtrip_call.c tests/vm/roundtrip.h $(LIB_A)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -Ilib/include -Ikmod/uapi $(LDFLAGS) -o $@ $(filter-out %.h,$^) $(LIB_LIBS)

# What depends on how a kernel carries out io_uring's requests.
TESTS_ASLEEP := asleep_until_something_comes asleep_when_a_second_owner_dies death_while_often_asleep \
	asleep_uring_is_closed_with_the_end pubsub_asleep_until_the_publisher_dies \
	pubsub_asleep_until_the_publisher_calls_exec pubsub_asleep_until_the_slowest_dies \
	pubsub_asleep_without_uring asleep_workers asleep_alone asleep_when_ones_peer_moves_out
space := $(subst ,, )

# What a test machine runs over the module: name, command. Rounds are fewer, for it is emulated.
$(BUILD)/tests/vm-list: tests/tests.mk
	@mkdir -p $(@D)
	$(Q)printf '%s\n' 'uapi $(BUILD)/tests/uapi' \
		'conformance env KIPC_TEST_SCALE=0.1 KIPC_TEST_TRANSPORTS=kmod $(BUILD)/tests/conformance' \
		'many env KIPC_TEST_SCALE=1 KIPC_TEST_TRANSPORTS=kmod,shm KIPC_TEST_NAMES=many_idle_channels $(BUILD)/tests/conformance' \
		'asleep env KIPC_TEST_SCALE=0.1 KIPC_TEST_TRANSPORTS=shm KIPC_TEST_NAMES=$(subst $(space),$(comma),$(TESTS_ASLEEP)) $(BUILD)/tests/conformance' \
		'tools env BUILD=$(BUILD) tools/test.sh kmod' \
		'kill $(BUILD)/tests/kill --points 2 --pairs kmod' \
		'kill-many $(BUILD)/tests/kill --points 2 --many kmod' \
		'long $(BUILD)/tests/long -s kmod -t 25' \
		'hostile $(BUILD)/tests/hostile --many kmod --one-in 4' \
		>$@

# A process is killed at every instruction, or at one in each stride of them.
#
#   make test-kill            a point in each stride; a minute or two
#   make test-kill ALL=1      every point of every scene; a day or more
TESTS_KILL_OBJ := $(patsubst tests/%.c,$(TESTS_OBJDIR)/%.o,tests/sweep.c $(wildcard tests/kill/*.c))

# Everything is bound before main(): no victim is killed in the dynamic linker.
$(BUILD)/tests/kill: $(TESTS_KILL_OBJ) $(LIB_A)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -Wl,-z,now -o $@ $^ $(LIB_LIBS)

.PHONY: test-kill
test-kill: $(BUILD)/tests/kill
	$(Q)$< $(if $(ALL),--all)

tests: $(BUILD)/tests/kill

# Any shared word is changed between any two steps of who looks at it: the cores, and what makes channels with
# many ends of them, compiled once more with each access hooked.
#
#   make test-hostile         the last line is "hostile: N passed, N failed, N skipped"
TESTS_HOSTILE_SRC := $(wildcard lib/core/*.c lib/transport/hub*.c lib/transport/pubsub*.c lib/transport/queue*.c)
TESTS_HOSTILE_OBJ := $(patsubst tests/%.c,$(TESTS_OBJDIR)/%.o,$(wildcard tests/hostile/*.c)) \
	$(patsubst lib/%.c,$(TESTS_OBJDIR)/hostile/lib/%.o,$(TESTS_HOSTILE_SRC))

$(TESTS_OBJDIR)/hostile/%: TESTS_CFLAGS := -Ilib/include -Ilib -Ikmod/uapi -include tests/hostile/hook.h

$(TESTS_OBJDIR)/hostile/lib/%.o: lib/%.c tests/hostile/hook.h
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -Wno-unused-value $(TESTS_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/tests/hostile: $(TESTS_HOSTILE_OBJ) $(LIB_A)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIB_LIBS)

.PHONY: test-hostile
test-hostile: $(BUILD)/tests/hostile
	$(Q)$<

tests: $(BUILD)/tests/hostile

# Both sides of a channel under ThreadSanitizer, in a build of their own.
#
#   make test-tsan            the last line is "test-tsan: N passed, N failed, N skipped"
TESTS_TSAN_OBJ := $(patsubst tests/%.c,$(TESTS_OBJDIR)/%.o,$(wildcard tests/tsan/*.c))
TESTS_TSAN_WRAP := $(patsubst %,-Wl$(comma)--wrap=kipc__%,map map_row map_mirror unmap)

$(BUILD)/tests/tsan: $(TESTS_TSAN_OBJ) $(LIB_A)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(TESTS_TSAN_WRAP) -o $@ $^ $(LIB_LIBS)

.PHONY: test-tsan tsan
tsan:
	$(Q)$(MAKE) --no-print-directory TSAN=1 BUILD=$(BUILD)/tsan $(BUILD)/tsan/tests/tsan
test-tsan: tsan
	$(Q)tests/tsan/run.sh $(BUILD)/tsan/tests/tsan

VM_TESTS += $(BUILD)/tests/uapi $(BUILD)/tests/conformance $(BUILD)/tests/kill $(BUILD)/tests/hostile $(TESTS_ROUNDTRIP) $(BUILD)/tests/vm-list

$(BUILD)/tests/model/checker.o: tests/model/checker.cc tests/model/checker.h
	@mkdir -p $(@D)
	$(Q)$(CXX) -std=gnu++11 -O1 -g -Wall -Wextra -Werror -c -o $@ $<

test-model: $(TESTS_CHECKER)
	$(Q)BUILD=$(BUILD) CC='$(CC)' CXX='$(CXX)' tests/model/run.sh

test-host: lib tests tools
	$(Q)BUILD=$(BUILD) CC='$(CC)' CXX='$(CXX)' MAKE='$(MAKE)' SAN=$(SAN) tests/host.sh

-include $(sort $(TESTS_ALL_OBJ:.o=.d) $(TESTS_KILL_OBJ:.o=.d) $(TESTS_HOSTILE_OBJ:.o=.d) \
	$(TESTS_TSAN_OBJ:.o=.d))

-include tests/stress/stress.mk

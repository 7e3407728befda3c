# SPDX-License-Identifier: MIT
#
#   make test-long    eight processes on whatever CPUs there are, over shm and unix: messages, bytes, calls, and
#                     over shm a topic and a queue   (SECONDS=300 for each transport, KIND= for one)

STRESS_OBJ := $(patsubst tests/%.c,$(TESTS_OBJDIR)/%.o,tests/sweep.c $(wildcard tests/stress/*.c))

.PHONY: test-long
tests: $(BUILD)/tests/long

$(BUILD)/tests/long: $(STRESS_OBJ) $(LIB_A)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIB_LIBS)

VM_TESTS += $(BUILD)/tests/long

test-long: lib tests
	$(Q)BUILD=$(BUILD) tests/stress/long.sh $(or $(SECONDS),300) $(KIND)

-include $(STRESS_OBJ:.o=.d)

# SPDX-License-Identifier: MIT
#
#   make test-vm     the module and the tests over it, in machines with kernels 6.1 and 6.12
#   make debug-vm    the same under a kernel that looks for mistakes (compiled once, half an hour)
#   make count-vm    instructions, system calls and switches of a round trip
#
# tests.mk adds to VM_TESTS what build/tests/vm-list names, and the list itself.

VM_PROGRAMS := build/tests/vm/hold

.PHONY: test-vm debug-vm count-vm vm-programs
vm-programs: lib tools $(VM_PROGRAMS) $(VM_TESTS)

test-vm:
	$(Q).ci/deps.sh test vm
	$(Q)$(MAKE) --no-print-directory vm-programs
	$(Q)tests/vm/test-vm.sh

debug-vm:
	$(Q).ci/deps.sh test vm
	$(Q)$(MAKE) --no-print-directory vm-programs
	$(Q)tests/vm/test-vm.sh -k 6.1-debug

count-vm:
	$(Q).ci/deps.sh test vm
	$(Q)$(MAKE) --no-print-directory vm-programs
	$(Q)tests/vm/count.sh

build/tests/vm/hold: tests/vm/hold.c kmod/uapi/kipc_dev.h kmod/uapi/kipc_ring.h
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -Ikmod/uapi $(LDFLAGS) -o $@ $<

# SPDX-License-Identifier: MIT
#
#   make            the library, the tool, the examples
#   make bench      set up, build, measure libkipc against stock IPC     (QUICK=1, PEERS=1)
#   make test       set up, build, test everything: test-host and test-vm
#   make kmod       the module for KDIR (default: the running kernel's headers)
#   make install    DESTDIR=, PREFIX=/usr/local
#   make clean
#
# Variables: CC, CFLAGS, BUILD=build (where everything goes), SAN=1 (ASan + UBSan), TSAN=1, KDIR, V=1

VERSION := 0.1.0
SOVERSION := 0
BUILD ?= build
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
KDIR ?= /lib/modules/$(shell uname -r)/build

CC := gcc
CFLAGS ?= -O2 -g
WARN := -Wall -Wextra -Werror -Wstrict-prototypes -Wmissing-prototypes -Wshadow -Wpointer-arith
HARDEN := -fstack-protector-strong -fstack-clash-protection -fno-strict-aliasing
ifeq ($(SAN),1)
HARDEN += -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
SANLD := -fsanitize=address,undefined
endif
# The fences that it does not understand order what is atomic anyway.
ifeq ($(TSAN),1)
HARDEN += -fsanitize=thread -Wno-tsan -fno-omit-frame-pointer
SANLD := -fsanitize=thread
endif
override CFLAGS += -std=gnu11 $(WARN) $(HARDEN) -D_GNU_SOURCE -pthread
LDFLAGS += $(SANLD) -Wl,-z,relro,-z,now,-z,noexecstack
Q := $(if $(V),,@)

.PHONY: all lib tools kmod bench test test-host test-vm install clean
all: lib tools

include lib/lib.mk
-include tools/tools.mk
-include tests/tests.mk
-include tests/vm/vm.mk
-include bench/bench.mk

kmod:
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules

# A fresh machine first gets what it lacks; then the parts, then one line over all of them.
test:
	$(Q).ci/test.sh $(MAKE)

clean:
	$(Q)rm -rf build
	$(Q)if [ -d $(KDIR) ]; then $(MAKE) -C $(KDIR) M=$(CURDIR) clean; fi

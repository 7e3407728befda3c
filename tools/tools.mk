# SPDX-License-Identifier: MIT
# The tool: $(BUILD)/tools/kipc; the examples beside it; the man pages in $(BUILD)/man
#
# Tools and examples see one header of the project, kipc.h.

TOOLS_SRC := $(wildcard tools/*.c)
TOOLS_OBJ := $(TOOLS_SRC:%.c=$(BUILD)/%.o)
TOOLS_CFLAGS := -Ilib/include
EXAMPLES := $(patsubst %.c,$(BUILD)/%,$(wildcard tools/examples/*.c))
MAN_SRC := $(wildcard tools/man/*.scd)
MAN_PAGES := $(if $(shell command -v scdoc),$(MAN_SRC:tools/man/%.scd=$(BUILD)/man/%))
MANDIR ?= $(PREFIX)/share/man

.PHONY: man install-tools test-tools
tools: $(BUILD)/tools/kipc $(EXAMPLES) man

$(BUILD)/tools/%.o: tools/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(TOOLS_CFLAGS) -MMD -MP -c -o $@ $<

# Linked statically against the library, so that it runs from the tree and never meets another version.
$(BUILD)/tools/kipc: $(TOOLS_OBJ) $(LIB_A)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(TOOLS_OBJ) $(LIB_A) $(LIB_LIBS) -lm

$(BUILD)/tools/examples/%: $(BUILD)/tools/examples/%.o $(LIB_A)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< $(LIB_A) $(LIB_LIBS)

# Without scdoc there are no man pages, and nothing else is missing.
man: $(MAN_PAGES)

$(BUILD)/man/%: tools/man/%.scd
	@mkdir -p $(@D)
	$(Q)scdoc < $< > $@.new && mv $@.new $@

test-tools: tools
	$(Q)BUILD=$(BUILD) CC='$(CC)' SAN=$(SAN) tools/test.sh

install: install-tools
install-tools: tools
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(BUILD)/tools/kipc $(DESTDIR)$(PREFIX)/bin
	$(if $(MAN_PAGES),,@echo 'kipc: man pages: not installed, scdoc is missing' >&2)
	for page in $(notdir $(MAN_PAGES)); do \
		install -D -m 644 $(BUILD)/man/$$page $(DESTDIR)$(MANDIR)/man$${page##*.}/$$page || exit; \
	done

.SECONDARY: $(EXAMPLES:%=%.o)
-include $(TOOLS_OBJ:.o=.d) $(EXAMPLES:%=%.d)

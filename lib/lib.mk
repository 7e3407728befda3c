# SPDX-License-Identifier: MIT
# The library: $(BUILD)/lib/libkipc.so.0, libkipc.a, libkipc.pc

LIB_SRC := $(wildcard lib/*.c lib/call/*.c lib/core/*.c lib/os/*.c lib/transport/*.c)
LIB_OBJ := $(LIB_SRC:%.c=$(BUILD)/%.o)
LIB_CFLAGS := -fPIC -fvisibility=hidden -Ilib/include -Ikmod/uapi -Ilib -DKIPC_BUILD_VERSION='"$(VERSION)"'
LIB_LIBS := -lnuma -luring

LIB_A := $(BUILD)/lib/libkipc.a
LIB_SO := $(BUILD)/lib/libkipc.so.$(VERSION)
LIB_PC := $(BUILD)/lib/libkipc.pc

lib: $(LIB_A) $(LIB_SO) $(LIB_PC)

$(BUILD)/lib/%.o: lib/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LIB_CFLAGS) -MMD -MP -c -o $@ $<

$(LIB_A): $(LIB_OBJ)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# The newest node of the symbol map must be this version's: a forgotten one stops the build.
$(LIB_SO): $(LIB_OBJ) lib/libkipc.map
	$(Q)grep -o '^KIPC_[0-9.]*' lib/libkipc.map | tail -1 | grep -qx 'KIPC_$(basename $(VERSION))' || \
		{ echo "lib/libkipc.map: newest node is not KIPC_$(basename $(VERSION))" >&2; exit 1; }
	$(Q)$(CC) -shared $(LDFLAGS) -Wl,-soname,libkipc.so.$(SOVERSION) -Wl,--version-script=lib/libkipc.map \
		$(if $(SAN),,-Wl$(comma)--no-undefined) -o $@ $(LIB_OBJ) $(LIB_LIBS) -pthread
	$(Q)ln -sf $(@F) $(@D)/libkipc.so.$(SOVERSION) && ln -sf $(@F) $(@D)/libkipc.so

comma := ,

PC_EDIT = -e 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@VERSION@|$(VERSION)|'

$(LIB_PC): packaging/libkipc.pc.in Makefile
	@mkdir -p $(@D)
	$(Q)sed $(PC_EDIT) $< > $@

install: lib tools
	install -d $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(PREFIX)/include
	install -m 644 $(LIB_A) $(DESTDIR)$(LIBDIR)
	install -m 755 $(LIB_SO) $(DESTDIR)$(LIBDIR)
	ln -sf libkipc.so.$(VERSION) $(DESTDIR)$(LIBDIR)/libkipc.so.$(SOVERSION)
	ln -sf libkipc.so.$(SOVERSION) $(DESTDIR)$(LIBDIR)/libkipc.so
	sed $(PC_EDIT) packaging/libkipc.pc.in > $(DESTDIR)$(LIBDIR)/pkgconfig/libkipc.pc
	chmod 644 $(DESTDIR)$(LIBDIR)/pkgconfig/libkipc.pc
	install -m 644 lib/include/kipc.h $(DESTDIR)$(PREFIX)/include

-include $(LIB_OBJ:.o=.d)

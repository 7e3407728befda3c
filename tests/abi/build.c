// SPDX-License-Identifier: MIT
/*
 * What a user's compiler, linker and pkg-config see. The commands run in the project's folder;
 * BUILD and CC come from the environment, as tests/host.sh sets them.
 */
#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include "../harness.h"

TestSuite(build, .init = harness_begin, .fini = harness_end);

/* A shell command must succeed; $build, $cc, $dir (fresh, removed afterwards) are set in it. */
static void run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void run(const char *fmt, ...)
{
	char *command;
	va_list ap;
	int status;

	setenv("build", getenv("BUILD") ? getenv("BUILD") : "build", 1);
	setenv("cc", getenv("CC") ? getenv("CC") : "gcc", 1);
	setenv("dir", harness_dir(), 1);
	va_start(ap, fmt);
	must(vasprintf(&command, fmt, ap) > 0);
	va_end(ap);
	status = system(command);
	if (status != 0)
		harness_fail(__FILE__, __LINE__, "status %d of: %s",
		             WIFEXITED(status) ? WEXITSTATUS(status) : -1, command);
	free(command);
}

static void write_program(const char *name)
{
	static const char text[] =
		"#include <kipc.h>\n"
		"#include <stdio.h>\n"
		"#include <string.h>\n"
		"int main(void)\n"
		"{\n"
		"	struct kipc_chan *c[2];\n"
		"	char got[8] = \"\";\n"
		"	int r = kipc_chan_pair(c, \"shm://?size=64K\", KIPC_PAIR, 0);\n"
		"	if (r == 0)\n"
		"		r = kipc_send(c[0], \"ping\", 5, 0);\n"
		"	if (r == 0)\n"
		"		r = (int)kipc_recv(c[1], got, sizeof(got), -1);\n"
		"	printf(\"%s %s %s\\n\", kipc_version(), kipc_strerror(0), got);\n"
		"	kipc_chan_close(c[0]);\n"
		"	kipc_chan_close(c[1]);\n"
		"	return r == 5 && strcmp(got, \"ping\") == 0 ? 0 : 1;\n"
		"}\n";
	char path[200];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", harness_dir(), name);
	f = fopen(path, "we");
	must(f);
	must(fputs(text, f) >= 0);
	must_eq(fclose(f), 0);
}

/* ---- the header ------------------------------------------------------------------------- */

static void compile_header(const char *language, const char *standard)
{
	run("echo '#include <kipc.h>\nint main(void) { return 0; }' |"
	    "$cc -x %s -std=%s -Wall -Wextra -Werror -pedantic -Ilib/include -c -o /dev/null -",
	    language, standard);
}

Test(build, header_in_c)
{
	compile_header("c", "c99");
	compile_header("c", "c11");
	compile_header("c", "gnu17");
}

Test(build, header_in_cxx)
{
	static const char *const standards[] = { "c++11", "c++17", "c++20" };

	if (system("${CC:-gcc} -x c++ -c -o /dev/null /dev/null 2>/dev/null") != 0)
		harness_skip("c++", "no C++ compiler here");
	for (int i = 0; i < 3; i++)
		compile_header("c++", standards[i]);
}

/* The headers of the contract between library and module, too. */
Test(build, uapi_headers)
{
	static const char *const headers[] = { "kipc_ring.h", "kipc_dev.h" };

	for (int i = 0; i < 2; i++)
		for (int k = 0; k < 2; k++)
			run("echo '#include <%s>' | $cc -x c -std=%s -Wall -Wextra -Werror -pedantic "
			    "-Ikmod/uapi -c -o /dev/null -",
			    headers[i], k ? "gnu11" : "c99");
}

/* Twice included, and without any other header before it. */
Test(build, header_stands_alone)
{
	run("printf '#include <kipc.h>\\n#include <kipc.h>\\nstruct kipc_opts o;' |"
	    "$cc -x c -std=c99 -Wall -Werror -Ilib/include -c -o /dev/null -");
	run("! grep -n '#include' lib/include/kipc.h | grep -vE '<(stddef|stdint|sys/types)[.]h>'");
}

/* ---- symbols ---------------------------------------------------------------------------- */

#define DECLARED                                                  \
	"echo '#include <kipc.h>' | $cc -E -Ilib/include -xc - |" \
	"grep -oE '\\bkipc_[a-z0-9_]+ *\\(' | tr -d ' (' | sort -u"
#define MAPPED "sed -nE 's/^[ \\t]+(kipc_[a-z0-9_]+);.*/\\1/p' lib/libkipc.map | sort"
#define EXPORTED                                                                        \
	"nm -D --defined-only $build/lib/libkipc.so | awk '$2 == \"T\" { print $3 }' |" \
	"sed 's/@.*//' | sort"

Test(build, header_map_and_library_agree)
{
	run(DECLARED " >$dir/declared");
	run(MAPPED " >$dir/mapped");
	run(EXPORTED " >$dir/exported");
	run("test $(wc -l <$dir/declared) -ge 27");
	run("diff $dir/declared $dir/mapped >&2");
	run("diff $dir/mapped $dir/exported >&2");
}

/* Nothing else is visible, neither functions nor data, and each has its version. */
Test(build, library_exports_nothing_else)
{
	run("! nm -D --defined-only $build/lib/libkipc.so |"
	    "grep -vE ' T kipc_[a-z_]+@@KIPC_0[.]1$| A KIPC_0[.]1' >&2");
	run("readelf -d $build/lib/libkipc.so | grep -q 'SONAME.*libkipc[.]so[.]0\\]'");
}

/* In the archive everything that others could collide with carries the prefix. */
Test(build, archive_keeps_to_its_prefix)
{
	run("! nm -g --defined-only $build/lib/libkipc.a | awk 'NF == 3 { print $3 }' |"
	    "grep -vE '^(kipc_|__asan_|__odr_asan|__ubsan|DW[.]ref)' >&2");
}

/* ---- installation ----------------------------------------------------------------------- */

#define INSTALL                                                                                   \
	"env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL ${MAKE:-make} -s install BUILD=$build SAN=$SAN " \
	"DESTDIR=$dir/root PREFIX=/opt/kipc >$dir/log 2>&1 || { cat $dir/log >&2; exit 1; }"
#define PKG \
	"PKG_CONFIG_PATH=$dir/root/opt/kipc/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$dir/root pkg-config"
#define SANITIZED "$([ \"$SAN\" = 1 ] && echo -fsanitize=address,undefined)"

Test(build, installed_files)
{
	run(INSTALL);
	run("cd $dir/root/opt/kipc && test -f include/kipc.h && test -f lib/libkipc.a && "
	    "test -x bin/kipc && test -f lib/libkipc.so && test -f lib/pkgconfig/libkipc.pc");
	run("test \"$(find $dir/root -name '*.h')\" = $dir/root/opt/kipc/include/kipc.h");
	run("test \"$(readlink $dir/root/opt/kipc/lib/libkipc.so)\" = libkipc.so.0");
	run("! grep -rn \"$dir\" $dir/root/opt/kipc/lib/pkgconfig >&2");
}

Test(build, pkg_config_tells_the_truth)
{
	run(INSTALL);
	run(PKG " --exists --print-errors libkipc");
	run("test \"$(" PKG " --modversion libkipc)\" = "
	    "\"$(grep -oE '^VERSION := .*' Makefile | cut -d' ' -f3)\"");
	run("test \"$(" PKG " --cflags libkipc)\" != ''");
}

Test(build, program_with_the_shared_library)
{
	write_program("user.c");
	run(INSTALL);
	run("$cc -Wall -Werror -o $dir/user $dir/user.c $(" PKG
	    " --cflags --libs libkipc) " SANITIZED);
	run("readelf -d $dir/user | grep -q 'NEEDED.*libkipc[.]so[.]0'");
	run("LD_LIBRARY_PATH=$dir/root/opt/kipc/lib $dir/user | grep -q 'success ping'");
}

Test(build, program_with_the_static_library)
{
	write_program("user.c");
	run(INSTALL);
	run("rm $dir/root/opt/kipc/lib/libkipc.so*");
	run("$cc -Wall -Werror -o $dir/user $dir/user.c "
	    "$(" PKG " --cflags --libs --static libkipc) " SANITIZED);
	run("! readelf -d $dir/user | grep 'NEEDED.*libkipc' >&2");
	run("$dir/user | grep -q 'success ping'");
}

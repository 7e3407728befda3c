// SPDX-License-Identifier: MIT
/* Wrong input: each has its own error and its own sentence. Nothing here may hang or crash. */
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include "form.h"

TestSuite(input, .init = harness_begin, .fini = harness_end);

/* One line for people: there, short, printable, no full stop. */
static void must_be_a_reason(const char *why, const char *uri)
{
	size_t len = strlen(why);

	if (!len || len > 400 || strchr(why, '\n') || why[len - 1] == '.')
		harness_fail(__FILE__, __LINE__, "%.60s: reason \"%s\"", uri, why);
	for (; *why; why++)
		must((unsigned char)*why >= ' ');
}

static void refuse_open(const char *uri, unsigned flags, const struct kipc_opts *o, int want)
{
	struct kipc_chan *c = NULL;
	int r = kipc_chan_open(&c, uri, flags, o);

	if (r != want)
		harness_fail(__FILE__, __LINE__, "open %.60s: %d %s (%s), not %s", uri, r,
		             kipc_strerror(r), kipc_why(), kipc_strerror(want));
	must(!c);
	must_be_a_reason(kipc_why(), uri);
}

static void refuse_pair(const char *uri, unsigned flags, const struct kipc_opts *o, int want)
{
	struct kipc_chan *c[2] = { NULL, NULL };
	int r = kipc_chan_pair(c, uri, flags, o);

	if (r != want)
		harness_fail(__FILE__, __LINE__, "pair %.60s: %d %s (%s), not %s", uri, r,
		             kipc_strerror(r), kipc_why(), kipc_strerror(want));
	must(!c[0] && !c[1]);
	must_be_a_reason(kipc_why(), uri);
}

static const struct {
	const char *uri;
	int want;
} malformed[] = {
	{ "", -EINVAL },
	{ "feed", -EINVAL },
	{ "shm:feed", -EINVAL },
	{ "shm:/feed", -EINVAL },
	{ "://feed", -EINVAL },
	{ "nosuch://feed", -EPROTONOSUPPORT },
	{ "SHM://feed", -EPROTONOSUPPORT },
	{ "a-scheme-that-is-far-too-long-to-be-one-that-anybody-knows://feed", -ENAMETOOLONG },
	{ "shm://", -EINVAL },
	{ "shm://?size=4K", -EINVAL },
	{ "shm://a/b", -EINVAL },
	{ "shm://../x", -EINVAL },
	{ "shm://.hidden", -EINVAL },
	{ "shm://a b", -EINVAL },
	{ "shm://x?sise=8M", -EINVAL },
	{ "shm://x?size", -EINVAL },
	{ "shm://x?size=", -EINVAL },
	{ "shm://x?size=0", -EINVAL },
	{ "shm://x?size=-1", -EINVAL },
	{ "shm://x?size=8X", -EINVAL },
	{ "shm://x?size=8MB", -EINVAL },
	{ "shm://x?size= 8M", -EINVAL },
	{ "shm://x?size=2G", -EINVAL },
	{ "shm://x?size=18446744073709551615", -EINVAL },
	{ "shm://x?size=18446744073709551616", -EINVAL },
	{ "shm://x?size=17179869184G", -EINVAL },
	{ "shm://x?align=0", -EINVAL },
	{ "shm://x?align=7", -EINVAL },
	{ "shm://x?align=24", -EINVAL },
	{ "shm://x?align=8192", -EINVAL },
	{ "shm://x?size=4K&align=4096", -EINVAL },
	{ "shm://x?align=4096&size=1", -EINVAL },
	{ "shm://x?payload=2", -EINVAL },
	{ "shm://x?mode=", -EINVAL },
	{ "shm://x?mode=0888", -EINVAL },
	{ "shm://x?mode=01777", -EINVAL },
	{ "shm://x?mode=rw", -EINVAL },
	{ "shm://x?node=9999", -EINVAL },
	{ "shm://x?node=far", -EINVAL },
	{ "shm://x?node=-1", -EINVAL },
	{ "shm://x?wait=lazy", -EINVAL },
	{ "shm://x?wait=", -EINVAL },
	{ "shm://x?spin=fast", -EINVAL },
	{ "shm://x?spin=-5", -EINVAL },
	{ "shm://x?rfo=2", -EINVAL },
	{ "shm://x?rfo=", -EINVAL },
	{ "shm://x?uring=2", -EINVAL },
	{ "shm://x?uring=no", -EINVAL },
	{ "shm://x?=4K", -EINVAL },
	{ "shm://x?size=4K&bogus=1", -EINVAL },
};

Test(input, malformed_uris)
{
	for (size_t i = 0; i < sizeof(malformed) / sizeof(*malformed); i++)
		refuse_open(malformed[i].uri, KIPC_PAIR | KIPC_CREATE, NULL, malformed[i].want);
}

Test(input, names_and_options_without_end)
{
	char uri[9000];

	for (size_t len = 300; len < 8000; len += 700) {
		memset(uri, 'n', sizeof(uri));
		memcpy(uri, "shm://", 6);
		uri[len] = 0;
		refuse_open(uri, KIPC_PAIR | KIPC_CREATE, NULL, -ENAMETOOLONG);
		memcpy(uri, "unix:///", 8);
		refuse_open(uri, KIPC_PAIR | KIPC_CREATE, NULL, -ENAMETOOLONG);
		memcpy(uri, "shm://n?size=", 13);
		memset(uri + 13, '1', len - 13);
		refuse_open(uri, KIPC_PAIR | KIPC_CREATE, NULL, -EINVAL);
	}
}

Test(input, malformed_arguments)
{
	const unsigned create = KIPC_PAIR | KIPC_CREATE;
	struct kipc_chan *c[2];

	must_eq(kipc_chan_open(NULL, "shm://x", create, NULL), -EINVAL);
	must_eq(kipc_chan_open(c, NULL, create, NULL), -EINVAL);
	must_eq(kipc_chan_pair(NULL, "shm://", KIPC_PAIR, NULL), -EINVAL);
	must_eq(kipc_chan_pair(c, NULL, KIPC_PAIR, NULL), -EINVAL);
	must_eq(kipc_chan_from_fd(NULL, 0, KIPC_PAIR, NULL), -EINVAL);
	refuse_open("shm://x", 0, NULL, -EINVAL);
	refuse_open("shm://x", KIPC_CREATE, NULL, -EINVAL);
	refuse_open("shm://x", create | 1u << 31, NULL, -EINVAL);
	refuse_open("shm://x", create | 1u << 1, NULL, -EINVAL);
	refuse_pair("shm://", 0, NULL, -EINVAL);
	refuse_pair("shm://", KIPC_PAIR | 1u << 20, NULL, -EINVAL);
	refuse_pair("shm://", KIPC_PAIR | KIPC_CREATE, NULL, -EINVAL);
	refuse_pair("shm://name", KIPC_PAIR, NULL, -EINVAL);
	refuse_pair("nosuch://", KIPC_PAIR, NULL, -EPROTONOSUPPORT);
	refuse_pair("shm://?size=0", KIPC_PAIR, NULL, -EINVAL);
}

Test(input, malformed_options)
{
	const struct kipc_opts good = { .size = sizeof(good) };
	struct kipc_opts bad[] = { good, good, good, good, good, good, good, good };
	static const char *const named[] = { "size",  "size", "ring_bytes", "mode",
		                             "align", "wait", "node",       "spin_ns" };
	struct {
		struct kipc_opts opts;
		uint64_t tail[4];
	} longer = { .opts = { .size = sizeof(longer) } };
	struct kipc_chan *c[2];

	bad[0].size = 0;
	bad[1].size = 4;
	bad[2].ring_bytes = UINT64_MAX;
	bad[3].mode = 070000;
	bad[4].align = 12;
	bad[5].wait = 4;
	bad[6].node_plus_1 = 10000;
	bad[7].spin_ns = (uint64_t)INT64_MAX + 1;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		refuse_pair("shm://", KIPC_PAIR, &bad[i], -EINVAL);
		must(strstr(kipc_why(), named[i]));
	}
	must_eq(kipc_chan_pair(c, "shm://", KIPC_PAIR, &longer.opts), 0);
	kipc_chan_close(c[0]);
	kipc_chan_close(c[1]);
	longer.tail[3] = 1;
	refuse_pair("shm://", KIPC_PAIR, &longer.opts, -E2BIG);
}

/* An option in the URI wins over the struct. */
Test(input, uri_wins_over_options)
{
	const struct kipc_opts o = {
		.size = sizeof(o), .ring_bytes = 100000, .wait = KIPC_WAIT_BLOCK, .spin_ns = 1234
	};
	struct kipc_chan *c[2];

	must_eq(kipc_chan_pair(c, "shm://", KIPC_PAIR, &o), 0);
	must_eq(chan_get(c[0], KIPC_OPT_RING_BYTES), 131072);
	must_eq(chan_get(c[0], KIPC_OPT_WAIT), KIPC_WAIT_BLOCK);
	must_eq(chan_get(c[1], KIPC_OPT_SPIN_NS), 1234);
	kipc_chan_close(c[0]);
	kipc_chan_close(c[1]);
	must_eq(kipc_chan_pair(c, "shm://?size=4097&wait=spin&spin=5", KIPC_PAIR, &o), 0);
	must_eq(chan_get(c[0], KIPC_OPT_RING_BYTES), 8192);
	must_eq(chan_get(c[0], KIPC_OPT_WAIT), KIPC_WAIT_SPIN);
	must_eq(chan_get(c[0], KIPC_OPT_SPIN_NS), 5);
	kipc_chan_close(c[0]);
	kipc_chan_close(c[1]);
}

/* ---- the list that users meet ----------------------------------------------------------- */

#define REASONS 16

struct reasons {
	char text[REASONS][512];
	int n;
};

/* Two different mistakes with one and the same sentence would leave the user guessing. */
static void note_reason(struct reasons *all)
{
	snprintf(all->text[all->n], sizeof(all->text[0]), "%s", kipc_why());
	for (int i = 0; i < all->n; i++)
		if (!strcmp(all->text[i], all->text[all->n]))
			harness_fail(__FILE__, __LINE__, "said twice: %s", all->text[i]);
	all->n++;
	must(all->n < REASONS);
}

static void note_open(struct reasons *all, const char *uri, int want)
{
	refuse_open(uri, KIPC_PAIR | KIPC_CREATE, NULL, want);
	note_reason(all);
}

static void long_name(char *uri, size_t size, const char *scheme)
{
	memset(uri, 'n', size - 1);
	uri[size - 1] = 0;
	memcpy(uri, scheme, strlen(scheme));
}

static void other_geometry(struct reasons *all)
{
	char uri[URI_MAX], other[URI_MAX];
	const char *name = harness_name();
	struct kipc_chan *c;

	snprintf(uri, sizeof(uri), "shm://%s?size=8K", name);
	snprintf(other, sizeof(other), "shm://%s?size=64K", name);
	must_eq(kipc_chan_open(&c, uri, KIPC_PAIR | KIPC_CREATE, NULL), 0);
	note_open(all, other, -EEXIST);
	kipc_chan_close(c);
}

static void no_channel(struct reasons *all)
{
	char path[URI_MAX], uri[URI_MAX + 10];
	struct kipc_chan *c;
	int fd;

	snprintf(path, sizeof(path), "%s/file", harness_dir());
	fd = (int)must_sys(open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
	must_sys(ftruncate(fd, 1 << 16));
	must_eq(kipc_chan_from_fd(&c, fd, KIPC_PAIR, NULL), -EBADMSG);
	note_reason(all);
	close(fd);
	snprintf(uri, sizeof(uri), "unix://%s", path);
	note_open(all, uri, -EBADMSG);
}

Test(input, each_mistake_has_its_own_reason)
{
	struct kipc_transport_info kmod = form_info("kmod");
	static struct reasons all;
	char uri[1000];

	note_open(&all, "nosuch://feed", -EPROTONOSUPPORT);
	note_open(&all, "shm://feed?colour=red", -EINVAL);
	note_open(&all, "shm://feed?size=8Q", -EINVAL);
	note_open(&all, "shm://feed?size=0", -EINVAL);
	note_open(&all, "shm://feed?size=4G", -EINVAL);
	long_name(uri, sizeof(uri), "shm://");
	note_open(&all, uri, -ENAMETOOLONG);
	refuse_open("shm://kt-nobody-made-this", KIPC_PAIR, NULL, -ENOENT);
	note_reason(&all);
	refuse_open("shm://feed", KIPC_PAIR | 1u << 30, NULL, -EINVAL);
	note_reason(&all);
	other_geometry(&all);
	no_channel(&all);
	if (kmod.status) {
		note_open(&all, "kmod://feed", kmod.status);
		must_be_a_reason(kmod.why, "kmod");
		must(*kmod.cure);
	}
}

/* ---- a file in /dev/shm that is no channel ---------------------------------------------- */

struct impostor {
	char path[URI_MAX], uri[URI_MAX];
};

static struct impostor impostor_name(void)
{
	const char *name = harness_name();
	struct impostor i;

	snprintf(i.path, sizeof(i.path), "/dev/shm/kipc.%s", name);
	snprintf(i.uri, sizeof(i.uri), "shm://%s", name);
	return i;
}

/* It is refused, with and without KIPC_CREATE, and stays as it is: it may be somebody's. */
static void refuse_impostor(const struct impostor *i, int want)
{
	refuse_open(i->uri, KIPC_PAIR, NULL, want);
	refuse_open(i->uri, KIPC_PAIR | KIPC_CREATE, NULL, want);
	must_sys(access(i->path, F_OK));
	must_sys(remove(i->path));
}

static void write_impostor(const struct impostor *i, const void *content, size_t bytes)
{
	int fd = (int)must_sys(open(i->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));

	must_eq(write(fd, content, bytes), bytes);
	close(fd);
}

Test(input, shm_files_that_are_no_channel)
{
	static const size_t sizes[] = { 0, 1, 8, 4095, 4096, 4097, 12288, 65536 };
	static const int fills[] = { 0, 0xff, 'K' };
	struct impostor i = impostor_name();
	char *content = malloc(65536);

	for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++)
		for (size_t k = 0; k < sizeof(fills) / sizeof(*fills); k++) {
			memset(content, fills[k], sizes[s]);
			write_impostor(&i, content, sizes[s]);
			refuse_impostor(&i, -EBADMSG);
		}
	must_sys(mkdir(i.path, 0700));
	refuse_impostor(&i, -EBADMSG);
	must_sys(mkfifo(i.path, 0600));
	refuse_impostor(&i, -EBADMSG);
	free(content);
}

/* A live channel's own bytes, cut short or with one 32-bit word of the first page changed. */
static size_t read_file(const char *path, char *into, size_t most)
{
	int fd = (int)must_sys(open(path, O_RDONLY | O_CLOEXEC));
	ssize_t n = read(fd, into, most);

	close(fd);
	return (size_t)must_sys(n);
}

/* Whatever the word: the open gives a channel or an error, in bounded time, without a crash. The
 * copy belongs to nobody who lives, so that it may also count as stale and be made anew.
 */
static void open_changed(const struct impostor *i, const char *content, size_t bytes)
{
	struct kipc_chan *c = NULL;
	char byte;
	int r;

	write_impostor(i, content, bytes);
	r = kipc_chan_open(&c, i->uri, KIPC_PAIR | KIPC_CREATE, NULL);
	if (r == 0) {
		r = kipc_send(c, &byte, 1, 0);
		must(r == 0 || r == -EPIPE || r == -EBADMSG);
		r = (int)kipc_recv(c, &byte, 1, 0);
		must(r == -EAGAIN || r == -EPIPE || r == -EBADMSG);
		kipc_chan_close(c);
	} else {
		must_be_a_reason(kipc_why(), i->uri);
	}
	unlink(i->path);
}

Test(input, shm_files_that_resemble_a_channel)
{
	static const uint32_t values[] = { 0, 1, 2, 0xffffffff, 0x80000000, 4096, 3 };
	struct impostor i = impostor_name();
	struct kipc_chan *c;
	char *content = malloc(1 << 20), uri[URI_MAX + 10];
	size_t bytes;

	snprintf(uri, sizeof(uri), "%s?size=4K", i.uri);
	must_eq(kipc_chan_open(&c, uri, KIPC_PAIR | KIPC_CREATE, NULL), 0);
	bytes = read_file(i.path, content, 1 << 20);
	kipc_chan_close(c);
	for (size_t at = 0; at < 0x100; at += 4)
		for (size_t k = 0; k < sizeof(values) / sizeof(*values); k++) {
			uint32_t old;

			memcpy(&old, content + at, 4);
			memcpy(content + at, &values[k], 4);
			open_changed(&i, content, bytes);
			memcpy(content + at, &old, 4);
		}
	for (size_t cut = 0; cut < bytes; cut += 2048)
		open_changed(&i, content, cut);
	free(content);
}

/* ---- unix ------------------------------------------------------------------------------- */

Test(input, unix_paths)
{
	char uri[URI_MAX], path[200];

	refuse_open("unix://", KIPC_PAIR | KIPC_CREATE, NULL, -EINVAL);
	snprintf(uri, sizeof(uri), "unix://%s/no/such/dir/x", harness_dir());
	refuse_open(uri, KIPC_PAIR | KIPC_CREATE, NULL, -ENOENT);
	memset(path, 'p', sizeof(path));
	path[199] = 0;
	snprintf(uri, sizeof(uri), "unix:///tmp/%s", path);
	refuse_open(uri, KIPC_PAIR | KIPC_CREATE, NULL, -ENAMETOOLONG);
}

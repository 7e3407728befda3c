// SPDX-License-Identifier: MIT
/* Names: who gets which end, who is refused, and that nothing stays. */
#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include "form.h"

#define OPEN   KIPC_PAIR
#define CREATE (KIPC_PAIR | KIPC_CREATE)
#define EXCL   (KIPC_PAIR | KIPC_CREATE | KIPC_EXCL)

/* Refused with this error, and with a reason. */
static void refuse(const char *uri, unsigned flags, int want)
{
	struct kipc_chan *c = NULL;

	must_eq(kipc_chan_open(&c, uri, flags, NULL), want);
	must(!c);
	must(*kipc_why());
}

static struct kipc_chan *open_end(const char *uri, unsigned flags)
{
	struct kipc_chan *c = NULL;
	int r = kipc_chan_open(&c, uri, flags, NULL);

	if (r < 0)
		harness_fail(__FILE__, __LINE__, "open %s: %s (%s)", uri, kipc_strerror(r),
		             kipc_why());
	return c;
}

static void exchange(struct kipc_chan *a, struct kipc_chan *b)
{
	must_eq(send_one(a, 33, 1, 0, -1), 0);
	recv_one(b, 33, 1, 0);
	must_eq(send_one(b, 44, 2, 0, -1), 0);
	recv_one(a, 44, 2, 0);
}

EACH_NAMED(name_create_and_open)
{
	struct kipc_chan *a, *b;
	char uri[URI_MAX];

	form_uri(f, "", uri, sizeof(uri));
	refuse(uri, OPEN, -ENOENT);
	a = open_end(uri, EXCL);
	refuse(uri, EXCL, -EEXIST);
	b = open_end(uri, OPEN);
	exchange(a, b);
	refuse(uri, OPEN, -EBUSY);
	refuse(uri, CREATE, -EBUSY);
	refuse(uri, EXCL, -EEXIST);
	exchange(b, a);
	kipc_chan_close(a);
	refuse(uri, OPEN, -ENOENT);
	kipc_chan_close(b);
	refuse(uri, OPEN, -ENOENT);
}

/* Without a ring the survivor may have to notice first that it is alone. */
static void notice_end(const struct form *f, struct kipc_chan *c)
{
	char byte;

	if (!form_can(f, KIPC_CAP_ZEROCOPY))
		must_eq(kipc_recv(c, &byte, 1, -1), -EPIPE);
}

/* The survivor keeps what was committed; whoever comes now begins a new channel of that name. */
EACH_NAMED(name_is_free_when_one_end_closes)
{
	struct kipc_chan *a, *b, *c, *d;
	char uri[URI_MAX];

	form_uri(f, "", uri, sizeof(uri));
	for (int first = 0; first < 2; first++) {
		a = open_end(uri, CREATE);
		b = open_end(uri, CREATE);
		must_eq(send_one(first ? b : a, 50, 1, 0, 0), 0);
		kipc_chan_close(first ? b : a);
		if (!form_can(f, KIPC_CAP_ZEROCOPY))
			recv_one(first ? a : b, 50, 1, 0);
		notice_end(f, first ? a : b);
		c = open_end(uri, EXCL);
		d = open_end(uri, OPEN);
		exchange(c, d);
		if (form_can(f, KIPC_CAP_ZEROCOPY))
			recv_one(first ? a : b, 50, 1, 0);
		must_eq(kipc_recv(first ? a : b, uri, 0, -1), -EPIPE);
		kipc_chan_close(first ? a : b);
		exchange(c, d);
		kipc_chan_close(c);
		kipc_chan_close(d);
	}
}

static int open_long(const struct form *f, size_t len)
{
	struct kipc_chan *c = NULL;
	char uri[URI_MAX];
	int r;

	snprintf(uri, sizeof(uri), "%s://%s%0*d", f->scheme, harness_name(), 64, 0);
	uri[strlen(f->scheme) + 3 + len] = 0;
	r = kipc_chan_open(&c, uri, KIPC_PAIR | KIPC_CREATE, NULL);
	must(r == 0 || *kipc_why());
	kipc_chan_close(c);
	return r;
}

/* 63 bytes over rings; a path has other limits, and its own test. */
EACH_NAMED(name_length)
{
	if (!form_can(f, KIPC_CAP_ZEROCOPY))
		return;
	must_eq(open_long(f, 63), 0);
	must_eq(open_long(f, 64), -ENAMETOOLONG);
}

/* A creator that leaves before anybody came takes the name along. */
EACH_NAMED(name_goes_with_a_lonely_creator)
{
	char uri[URI_MAX];

	form_uri(f, "", uri, sizeof(uri));
	for (int i = 0; i < 20; i++) {
		kipc_chan_close(open_end(uri, EXCL));
		refuse(uri, OPEN, -ENOENT);
	}
}

/* Up to the ring; where there is none, they wait in the sender. */
EACH_NAMED(name_messages_before_the_peer_comes)
{
	struct kipc_chan *a, *b;
	char uri[URI_MAX];
	unsigned n;

	form_uri(f, "size=4K", uri, sizeof(uri));
	a = open_end(uri, CREATE);
	n = fill_up(a, 200, 1);
	must(n >= 1 || !chan_get(a, KIPC_OPT_RING_BYTES));
	b = open_end(uri, OPEN);
	for (unsigned i = 0; i < n; i++)
		recv_one(b, 200, 1, i);
	exchange(a, b);
	kipc_chan_close(a);
	kipc_chan_close(b);
}

/* What was not asked for explicitly does not matter; without a ring there is no geometry. */
EACH_NAMED(name_geometry)
{
	struct kipc_chan *a, *b;
	char base[URI_MAX], uri[URI_MAX + 40];

	form_uri(f, "", base, sizeof(base));
	snprintf(uri, sizeof(uri), "%s?size=8K&align=64", base);
	a = open_end(uri, CREATE);
	if (chan_get(a, KIPC_OPT_RING_BYTES)) {
		snprintf(uri, sizeof(uri), "%s?size=16K", base);
		refuse(uri, OPEN, -EEXIST);
		refuse(uri, CREATE, -EEXIST);
		snprintf(uri, sizeof(uri), "%s?align=128", base);
		refuse(uri, OPEN, -EEXIST);
	}
	snprintf(uri, sizeof(uri), "%s?size=8K", base);
	b = open_end(uri, OPEN);
	exchange(a, b);
	must_eq(chan_get(b, KIPC_OPT_MAX_MSG), chan_get(a, KIPC_OPT_MAX_MSG));
	kipc_chan_close(a);
	kipc_chan_close(b);
	a = open_end(base, CREATE);
	b = open_end(base, CREATE);
	exchange(a, b);
	kipc_chan_close(a);
	kipc_chan_close(b);
}

/* Where data is to be aligned as asked for: who cannot have that does not get the channel. The module
 * compares sizes and alignments alone.
 */
EACH_NAMED(name_alignment_of_payloads)
{
	static const struct {
		const char *made, *asked;
		bool seen_by_module;
	} rows[] = {
		{ "?align=8", "?payload=1", true },
		{ "?align=64", "?align=64&payload=1", false },
		{ "?align=64&payload=1", "?payload=0", false },
		{ "?align=128&payload=1", "?payload=1", true },
	};
	struct kipc_chan *a, *b;
	char base[URI_MAX], uri[URI_MAX + 40];

	if (!form_can(f, KIPC_CAP_ZEROCOPY))
		return;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		form_uri(f, "", base, sizeof(base));
		snprintf(uri, sizeof(uri), "%s%s", base, rows[i].made);
		a = open_end(uri, CREATE);
		snprintf(uri, sizeof(uri), "%s%s", base, rows[i].asked);
		if (rows[i].seen_by_module || strcmp(f->scheme, "kmod"))
			refuse(uri, OPEN, -EEXIST);
		snprintf(uri, sizeof(uri), "%s%s", base, rows[i].made);
		b = open_end(uri, OPEN);
		exchange(a, b);
		kipc_chan_close(a);
		kipc_chan_close(b);
	}
}

/* ---- what lies beside a path ------------------------------------------------------------ */

/* A FIFO of which nobody has the other end: opening it must not wait, neither before nor while a peer goes. */
Test(unix_named, name_of_a_lock_that_is_none, .init = harness_begin, .fini = harness_end)
{
	struct kipc_chan *a, *b;
	char uri[URI_MAX], lock[URI_MAX + 10];
	char byte;

	form_uri(&unix_named, "", uri, sizeof(uri));
	snprintf(lock, sizeof(lock), "%s.lock", uri + strlen("unix://"));
	must_sys(mkfifo(lock, 0666));
	refuse(uri, CREATE, -EBADMSG);
	must_sys(unlink(lock));
	a = open_end(uri, CREATE);
	b = open_end(uri, OPEN);
	exchange(a, b);
	must_sys(mkfifo(lock, 0666));
	kipc_chan_close(b);
	must_eq(kipc_recv(a, &byte, 1, 0), -EPIPE);
	kipc_chan_close(a);
	must_sys(unlink(lock));
	a = open_end(uri, CREATE);
	kipc_chan_close(a);
}

/* ---- a race of openers ------------------------------------------------------------------ */

struct race {
	char uri[URI_MAX];
	unsigned rounds;
};

/* Whoever comes, first or second, meets the other; a stranger's channel would not answer. */
static void meet(struct race *r, struct peer *p, int side)
{
	for (unsigned i = 0; i < r->rounds; i++) {
		struct kipc_chan *c;

		peer_tell(p, 'g');
		peer_expect(p, 'g');
		c = open_end(r->uri, CREATE);
		must_eq(send_one(c, 16, 10 + side, i, -1), 0);
		recv_one(c, 16, 11 - side, i);
		peer_tell(p, 'd');
		peer_expect(p, 'd');
		kipc_chan_close(c);
	}
}

static void meet_from_there(struct peer *me, void *arg)
{
	meet(arg, me, 1);
}

EACH_NAMED(name_two_open_at_the_same_time)
{
	struct race r = { .rounds = harness_rounds(300) };
	struct peer peer;

	form_uri(f, "size=4K", r.uri, sizeof(r.uri));
	peer_start(&peer, meet_from_there, &r);
	meet(&r, &peer, 0);
	peer_end(&peer);
}

/* Many want the same name over and over: each open gives an end that works, or says -EBUSY. */
static void crowd(struct peer *me, void *arg)
{
	struct race *r = arg;
	unsigned opened = 0;

	for (unsigned i = 0; i < r->rounds; i++) {
		struct kipc_chan *c = NULL;
		int e = kipc_chan_open(&c, r->uri, CREATE, NULL);

		if (e == -EBUSY)
			continue;
		must_eq(e, 0);
		opened++;
		e = send_one(c, 16, 1, 0, 0);
		must(e == 0 || e == -EPIPE || e == -EAGAIN);
		e = (int)kipc_recv(c, &e, sizeof(e), 0);
		must(e == -EAGAIN || e == -EPIPE || e == -EMSGSIZE);
		kipc_chan_close(c);
	}
	peer_tell(me, opened ? 'y' : 'n');
}

EACH_NAMED(name_crowd)
{
	struct race r = { .rounds = harness_rounds(300) };
	struct peer peers[4];
	bool opened = false;

	form_uri(f, "size=4K", r.uri, sizeof(r.uri));
	for (int i = 0; i < 4; i++)
		peer_start(&peers[i], crowd, &r);
	for (int i = 0; i < 4; i++) {
		opened |= peer_hear(&peers[i]) == 'y';
		peer_end(&peers[i]);
	}
	must(opened);
	refuse(r.uri, OPEN, -ENOENT);
}

/* ---- nothing stays ---------------------------------------------------------------------- */

/* Where this process may, /dev/shm becomes its own empty one; elsewhere only new names count. */
static bool own_dev_shm(void)
{
	return geteuid() == 0 && unshare(CLONE_NEWNS) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("tmpfs", "/dev/shm", "tmpfs", 0, "mode=1777") == 0;
}

static unsigned entries(const char *path, const char *containing)
{
	DIR *dir = opendir(path);
	struct dirent *e;
	unsigned n = 0;

	must(dir);
	while ((e = readdir(dir)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..") &&
		    strstr(e->d_name, containing))
			n++;
	closedir(dir);
	return n;
}

struct leftover {
	char uri[URI_MAX];
	char mark[48]; /* in every name of this test */
	bool own;
};

static void leftover_prepare(struct leftover *l, const struct form *f)
{
	const char *at;

	l->own = own_dev_shm();
	form_uri(f, "size=4K", l->uri, sizeof(l->uri));
	at = strstr(l->uri, "kt-");
	must(at);
	snprintf(l->mark, sizeof(l->mark), "%.*s", (int)strcspn(strrchr(l->uri, '/') + 1, "?"),
	         strrchr(l->uri, '/') + 1);
}

static void must_be_clean(const struct leftover *l)
{
	must_eq(entries("/dev/shm", l->own ? "" : l->mark), 0);
	must_eq(entries(harness_dir(), ""), 0);
}

static void hold_name(struct peer *me, void *arg)
{
	struct leftover *l = arg;
	struct kipc_chan *c = open_end(l->uri, CREATE);

	must_ok(kipc_chan_fd(c, KIPC_IN));
	must_eq(kipc_recv(c, l->uri, 0, 0), -EAGAIN);
	peer_tell(me, 'o');
	peer_hear(me);
	kipc_chan_close(c);
}

static void start_holders(struct leftover *l, struct peer p[2])
{
	for (int i = 0; i < 2; i++) {
		peer_start(&p[i], hold_name, l);
		peer_expect(&p[i], 'o');
	}
}

/* Polling makes an end open whatever it needs for that; it must go, too. */
EACH_NAMED(name_leaves_nothing_after_close)
{
	struct leftover l;
	struct peer p[2];

	leftover_prepare(&l, f);
	must_be_clean(&l);
	for (int i = 0; i < 5; i++) {
		start_holders(&l, p);
		peer_tell(&p[i % 2], 'e');
		peer_end(&p[i % 2]);
		peer_tell(&p[1 - i % 2], 'e');
		peer_end(&p[1 - i % 2]);
		must_be_clean(&l);
	}
}

/* One is killed: the survivor's close leaves nothing, but perhaps the file that a socket had. */
EACH_NAMED(name_leaves_nothing_after_one_death)
{
	struct leftover l;
	struct peer p[2];

	leftover_prepare(&l, f);
	for (int i = 0; i < 4; i++) {
		start_holders(&l, p);
		peer_kill(&p[i % 2]);
		peer_tell(&p[1 - i % 2], 'e');
		peer_end(&p[1 - i % 2]);
		if (!strcmp(f->scheme, "unix"))
			kipc_chan_close(open_end(l.uri, CREATE));
		must_be_clean(&l);
	}
}

/* Both are killed: the next opener finds a stale name or none, and makes it new. */
EACH_NAMED(name_is_reclaimed_after_all_died)
{
	struct kipc_chan *a, *b;
	struct leftover l;
	struct peer p[2];

	leftover_prepare(&l, f);
	for (int i = 0; i < 4; i++) {
		start_holders(&l, p);
		peer_kill(&p[i % 2]);
		peer_kill(&p[1 - i % 2]);
		if (i % 2)
			refuse(l.uri, OPEN, -ENOENT);
		a = open_end(l.uri, i % 2 ? EXCL : CREATE);
		b = open_end(l.uri, OPEN);
		exchange(a, b);
		kipc_chan_close(a);
		kipc_chan_close(b);
		must_be_clean(&l);
	}
}

/* One is killed while the other lives: the name is free at once. */
EACH_NAMED(name_is_free_when_one_end_dies)
{
	struct kipc_chan *a, *b, *c;
	struct leftover l;
	struct peer p;

	leftover_prepare(&l, f);
	for (int i = 0; i < 4; i++) {
		a = i % 2 ? open_end(l.uri, CREATE) : NULL;
		peer_start(&p, hold_name, &l);
		peer_expect(&p, 'o');
		if (!a)
			a = open_end(l.uri, OPEN);
		peer_kill(&p);
		notice_end(f, a);
		b = open_end(l.uri, CREATE);
		c = open_end(l.uri, OPEN);
		exchange(b, c);
		must_eq(kipc_recv(a, &l, sizeof(l), -1), -EPIPE);
		kipc_chan_close(a);
		exchange(c, b);
		kipc_chan_close(b);
		kipc_chan_close(c);
		must_be_clean(&l);
	}
}

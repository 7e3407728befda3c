// SPDX-License-Identifier: MIT
/* What kipc_chan_handover() sends over shared memory, changed by whoever passes it on. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "../harness.h"
#include "os/unix.h"
#include "transport/shm_chan.h"

TestSuite(parcel, .init = harness_begin, .fini = harness_end);

/* As it travels. */
struct parcel {
	char magic[8];
	uint32_t end;
	uint32_t mode;
	char name[64];
};

#define FILE_AT 1 /* of its descriptors */

struct post {
	struct kipc_chan *other; /* the end that stays */
	struct parcel p;
	int fds[2];
};

static void post_make(struct post *t)
{
	struct kipc_chan *c;
	char uri[100];
	int sock;

	snprintf(uri, sizeof(uri), "shm://%s?size=4K", harness_name());
	must_ok(kipc_chan_open(&t->other, uri, KIPC_PAIR | KIPC_CREATE, NULL));
	must_ok(kipc_chan_open(&c, uri, KIPC_PAIR, NULL));
	sock = (int)must_ok(kipc_chan_handover(c));
	must_eq(kipc__fds_peek(sock, t->fds, 2, &t->p, sizeof(t->p)), 2);
	kipc__fds_drop(sock);
	close(sock);
}

/* Send it on, and take it there. */
static int deliver(const struct post *t, struct kipc_chan **c)
{
	int sock[2], r;

	must_eq(kipc__unix_pair(sock, SOCK_DGRAM), 0);
	must_eq(kipc__fds_send(sock[1], t->fds, 2, &t->p, sizeof(t->p)), 0);
	close(sock[1]);
	r = kipc_chan_from_fd(c, sock[0], KIPC_PAIR, NULL);
	if (r < 0)
		close(sock[0]);
	return r;
}

/* The same content as that file, where a name has no business. */
static int copy_of(int fd)
{
	int copy = (int)must_sys(memfd_create("copy", 0));
	char buf[4096];
	ssize_t n;
	off_t at;

	for (at = 0; (n = pread(fd, buf, sizeof(buf), at)) > 0; at += n)
		must_eq(pwrite(copy, buf, (size_t)n, at), n);
	return copy;
}

Test(parcel, names_are_checked)
{
	static const char *const names[] = { "x/../../../tmp/y", "../y", ".y", "a b", "x/" };
	struct kipc_chan *c;
	struct post t;

	post_make(&t);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct post forged = t;

		memset(forged.p.name, 0, sizeof(forged.p.name));
		strcpy(forged.p.name, names[i]);
		must_eq(deliver(&forged, &c), -EBADMSG);
		must(*kipc_why());
	}
	must_eq(deliver(&t, &c), 0);
	must_eq(kipc_send(c, "x", 1, 0), 0);
	must_eq(kipc_recv(t.other, &(char){ 0 }, 1, 0), 1);
	kipc_chan_close(c);
	kipc_chan_close(t.other);
}

Test(parcel, mode_is_of_permissions)
{
	struct kipc_chan *c;
	struct post t;

	post_make(&t);
	t.p.mode = 06640;
	must_eq(deliver(&t, &c), 0);
	must_eq(((struct kipc__shm_chan *)c)->mode, 0640);
	kipc_chan_close(c);
	kipc_chan_close(t.other);
}

/* A name is no excuse for memory that can be taken away. */
Test(parcel, a_name_needs_its_file)
{
	struct kipc_chan *c;
	struct post t;
	int fd;

	post_make(&t);
	fd = t.fds[FILE_AT];
	t.fds[FILE_AT] = copy_of(fd);
	must_eq(deliver(&t, &c), -EBADMSG);
	memset(t.p.name, 0, sizeof(t.p.name));
	must_eq(deliver(&t, &c), -EBADMSG);
	kipc_chan_close(t.other);
}

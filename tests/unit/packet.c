// SPDX-License-Identifier: MIT
/* Transport unix against its own promises: strangers' packets, messages that do not fit, room. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <kipc.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "../harness.h"

TestSuite(packet, .init = harness_begin, .fini = harness_end);

#define LEN 8 /* of the payload of an honest packet here */

/* ---- strangers -------------------------------------------------------------------------- */

static const uint64_t honest[2] = { LEN + 1, 42 };

static struct kipc_chan *make_with_stranger(int *stranger)
{
	struct kipc_chan *c;
	int ends[2];

	must_sys(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends));
	must_eq(kipc_chan_from_fd(&c, ends[0], KIPC_PAIR, NULL), 0);
	*stranger = ends[1];
	return c;
}

static int by_recv(struct kipc_chan *c)
{
	uint8_t buf[LEN];
	int r = (int)kipc_recv(c, buf, sizeof(buf), 0);

	return r < 0 ? r : 1;
}

static int by_recv_n(struct kipc_chan *c)
{
	uint8_t buf[4][100];
	struct kipc_msg m[4];

	for (int i = 0; i < 4; i++)
		m[i] = (struct kipc_msg){ .data = buf[i], .len = sizeof(buf[i]) };
	return kipc_recv_n(c, m, 4, 0);
}

static int by_peek(struct kipc_chan *c)
{
	struct kipc_msg m[4];
	int r = kipc_peek(c, m, 4, 0);

	for (int i = 0; i < r; i++)
		must_eq(m[i].len, LEN);
	return r < 0 ? r : kipc_release(c, (unsigned)r);
}

static int by_wait(struct kipc_chan *c)
{
	int r = kipc_wait(c, KIPC_IN, 0);

	return r < 0 ? r : by_recv(c);
}

static int (*const ways[])(struct kipc_chan *c) = { by_recv, by_recv_n, by_peek, by_wait };

/* What came before the nonsense is delivered; then the channel is over, for both sides. */
static void must_end_badly(struct kipc_chan *c, int stranger, int way)
{
	struct pollfd p = { .fd = stranger };
	int got = 0, r;

	while ((r = ways[way](c)) > 0)
		got += r;
	must_eq(r, -EBADMSG);
	must_eq(got, 1);
	must_eq(by_recv(c), -EBADMSG);
	must_eq(kipc_send(c, "x", 1, 0), -EBADMSG);
	must_sys(poll(&p, 1, 0));
	must(p.revents & POLLHUP);
}

Test(packet, nonsense_ends_the_channel)
{
	static const struct {
		uint64_t header;
		size_t bytes;
	} bad[] = {
		{ 0, 8 },
		{ 2, 8 },
		{ 1, 9 },
		{ 1 | 1ULL << 32, 8 },
		{ 1 | 1ULL << 33, 8 },
		{ 9 | 1ULL << 63, 16 },
		{ UINT64_MAX, 8 },
		{ 9, 15 },
		{ 9, 17 },
		{ 9, 7 },
		{ 1, 1 },
		{ 1, 0 },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		for (int way = 0; way < 4; way++) {
			uint64_t bytes[3] = { bad[i].header };
			int stranger;
			struct kipc_chan *c = make_with_stranger(&stranger);

			harness_note("packet %zu, way %d", i, way);
			must_eq(send(stranger, honest, sizeof(honest), 0), sizeof(honest));
			must_eq(send(stranger, bytes, bad[i].bytes, 0), bad[i].bytes);
			must_eq(send(stranger, honest, sizeof(honest), 0), sizeof(honest));
			must_end_badly(c, stranger, way);
			kipc_chan_close(c);
			close(stranger);
		}
}

/* Its header is right, but no honest peer sends so much. */
Test(packet, endless_packet_ends_the_channel)
{
	size_t bytes = (1 << 20) + 100;
	uint64_t *packet = calloc(1, bytes);
	int room = 8 << 20;

	packet[0] = bytes - 8 + 1;
	for (int way = 0; way < 4; way++) {
		int stranger;
		struct kipc_chan *c = make_with_stranger(&stranger);

		if (setsockopt(stranger, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)) < 0)
			harness_skip("root", "a large send buffer needs root");
		must_eq(send(stranger, honest, sizeof(honest), 0), sizeof(honest));
		must_eq(send(stranger, packet, bytes, 0), bytes);
		must_end_badly(c, stranger, way);
		kipc_chan_close(c);
		close(stranger);
	}
	free(packet);
}

static unsigned count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	must(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

Test(packet, descriptors_from_strangers_are_not_kept)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = (void *)honest, .iov_len = sizeof(honest) };
	struct msghdr msg = { .msg_iov = &iov,
		              .msg_iovlen = 1,
		              .msg_control = &control,
		              .msg_controllen = sizeof(control) };
	struct cmsghdr *h = CMSG_FIRSTHDR(&msg);
	unsigned before;
	int stranger;
	struct kipc_chan *c = make_with_stranger(&stranger);

	*h = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
		               .cmsg_type = SCM_RIGHTS,
		               .cmsg_len = CMSG_LEN(sizeof(int)) };
	memcpy(CMSG_DATA(h), &stranger, sizeof(int));
	before = count_fds();
	for (int way = 0; way < 4; way++) {
		must_eq(sendmsg(stranger, &msg, 0), sizeof(honest));
		must_eq(ways[way](c), 1);
		must_eq(count_fds(), before);
	}
	kipc_chan_close(c);
	close(stranger);
}

/* ---- messages that do not fit ----------------------------------------------------------- */

static void make_pair(struct kipc_chan *c[2], const char *uri)
{
	must_eq(kipc_chan_pair(c, uri, KIPC_PAIR, NULL), 0);
}

static void close_pair(struct kipc_chan *c[2])
{
	kipc_chan_close(c[0]);
	kipc_chan_close(c[1]);
}

static bool readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return must_sys(poll(&p, 1, 0)) == 1;
}

/* The kernel does not have it any more, and yet it is there. */
Test(packet, too_long_for_the_buffer_stays_readable)
{
	struct kipc_chan *c[2];
	uint8_t buf[10];
	int fd = -1;

	make_pair(c, "unix://");
	for (int asked_before = 0; asked_before < 2; asked_before++) {
		must_eq(kipc_send(c[0], "0123456789", 10, 0), 0);
		must_eq(kipc_recv(c[1], buf, 3, 0), -EMSGSIZE);
		fd = kipc_chan_fd(c[1], KIPC_IN);
		must(readable(fd));
		must_eq(kipc_wait(c[1], KIPC_IN, 0), KIPC_IN);
		must_eq(kipc_release(c[1], 1), -EINVAL);
		must_eq(kipc_recv(c[1], buf, 10, 0), 10);
		must(!memcmp(buf, "0123456789", 10));
		must(!readable(fd));
	}
	close_pair(c);
}

/* In a batch: what follows it is not lost and not delivered first. */
Test(packet, too_long_in_the_middle_of_a_batch)
{
	struct kipc_chan *c[2];
	uint8_t space[64][20], large[60];
	struct kipc_msg m[64];
	int got = 0, r;

	make_pair(c, "unix://");
	for (int i = 0; i < 40; i++) {
		memset(large, i, sizeof(large));
		must_eq(kipc_send(c[0], large, i % 7 == 3 ? 60 : 5, 0), 0);
	}
	while (got < 40) {
		for (int i = 0; i < 64; i++)
			m[i] = (struct kipc_msg){ .data = space[i], .len = 20 };
		r = kipc_recv_n(c[1], m, 64, 0);
		if (r == -EMSGSIZE) {
			must_eq(got % 7, 3);
			must_eq(kipc_recv(c[1], large, sizeof(large), 0), 60);
			must_eq(large[59], got++);
			continue;
		}
		must(r > 0);
		for (int i = 0; i < r; i++, got++)
			must(m[i].len == 5 && space[i][4] == got && got % 7 != 3);
	}
	must_eq(kipc_recv(c[1], large, sizeof(large), 0), -EAGAIN);
	close_pair(c);
}

static size_t growing(unsigned i)
{
	return i < 7 ? 1u << (2 * i) : i * 11;
}

/* Slots learn how long messages are. */
Test(packet, peek_of_growing_messages)
{
	static uint8_t text[1 << 14];
	struct kipc_chan *c[2];
	struct kipc_msg m[64];

	make_pair(c, "unix://");
	for (unsigned i = 0; i < 30; i++) {
		memset(text, (int)i, sizeof(text));
		must_eq(kipc_send(c[0], text, growing(i), 0), 0);
	}
	for (unsigned i = 0; i < 30;) {
		int r = kipc_peek(c[1], m, 64, 0);

		must(r > 0);
		for (unsigned k = 0; k < (unsigned)r; k++) {
			must_eq(m[k].len, growing(i + k));
			must_eq(((uint8_t *)m[k].data)[m[k].len - 1], i + k);
		}
		r = r > 3 ? 3 : r;
		must_eq(kipc_release(c[1], (unsigned)r), r);
		i += (unsigned)r;
	}
	close_pair(c);
}

/* ---- room ------------------------------------------------------------------------------- */

/* Reserve until it does not go any more, commit each time: none of these waits. */
static unsigned fill_by_reserve(struct kipc_chan *c, size_t len, unsigned n)
{
	struct kipc_msg m[64];
	unsigned done = 0;
	int r;

	for (;;) {
		for (unsigned i = 0; i < n; i++)
			m[i].len = len;
		r = kipc_reserve(c, m, n, 0);
		if (r < 0)
			break;
		for (unsigned i = 0; i < n; i++, done++)
			memset(m[i].data, (int)done, len);
		must_eq(kipc_commit(c, m, n), n);
	}
	must(r == -EAGAIN || r == -EMSGSIZE);
	return done;
}

/* In one thread, so that a commit that waits for room would wait for ever. */
Test(packet, commit_never_waits)
{
	struct kipc_chan *c[2];
	struct kipc_msg m[64];

	make_pair(c, "unix://?size=4K");
	for (size_t len = 0; len < 200000; len = len * 3 / 2 + 1)
		for (unsigned n = 1; n <= 64; n = n * 2 + 1) {
			unsigned sent = fill_by_reserve(c[0], len, n), got = 0;
			int r;

			while ((r = kipc_peek(c[1], m, 64, 0)) > 0) {
				for (int i = 0; i < r; i++, got++)
					must(m[i].len == len &&
					     (!len ||
					      ((uint8_t *)m[i].data)[len - 1] == got % 256));
				must_eq(kipc_release(c[1], (unsigned)r), r);
			}
			must_eq(r, -EAGAIN);
			must_eq(got, sent);
		}
	close_pair(c);
}

static void take_one(struct peer *me, void *arg)
{
	struct kipc_chan **c = arg;
	uint8_t buf[1000];

	kipc_chan_close(c[0]);
	peer_expect(me, 'g');
	await_asleep(getppid());
	must_eq(kipc_recv(c[1], buf, sizeof(buf), -1), 1000);
	peer_expect(me, 'e');
	kipc_chan_close(c[1]);
}

/* The kernel wakes a sender only when three quarters are free; it goes on with less. */
Test(packet, room_for_one_is_enough)
{
	static const uint8_t text[1000];
	struct kipc_msg m = { .len = 1000 };

	for (int way = 0; way < 3; way++) {
		struct kipc_chan *c[2];
		struct peer peer;

		make_pair(c, "unix://?wait=block");
		peer_start(&peer, take_one, c);
		kipc_chan_close(c[1]);
		while (kipc_send(c[0], text, sizeof(text), 0) == 0)
			;
		peer_tell(&peer, 'g');
		if (way == 2) {
			must_eq(kipc_reserve(c[0], &m, 1, -1), 1);
			must_eq(kipc_commit(c[0], &m, 1), 1);
		} else {
			must_eq(kipc_send(c[0], text, sizeof(text), way ? 60 * SEC : -1), 0);
		}
		peer_tell(&peer, 'e');
		peer_end(&peer);
		kipc_chan_close(c[0]);
	}
}

/* A sender that waits for room learns that nobody will make any. */
static void refuse_more(struct peer *me, void *arg)
{
	struct kipc_chan **c = arg;

	kipc_chan_close(c[0]);
	peer_expect(me, 'g');
	await_asleep(getppid());
	must_eq(kipc_shutdown(c[1], KIPC_IN), 0);
	peer_expect(me, 'e');
	kipc_chan_close(c[1]);
}

Test(packet, shutdown_reaches_those_who_wait_for_room)
{
	static const uint8_t text[1000];

	for (int way = 0; way < 3; way++) {
		struct kipc_msg m = { .len = 8 };
		struct kipc_chan *c[2];
		struct peer peer;
		struct pollfd p = { .events = POLLIN };

		make_pair(c, "unix://?wait=block");
		peer_start(&peer, refuse_more, c);
		kipc_chan_close(c[1]);
		while (kipc_send(c[0], text, sizeof(text), 0) == 0)
			;
		p.fd = kipc_chan_fd(c[0], KIPC_OUT);
		peer_tell(&peer, 'g');
		if (way == 0 && kipc_reserve(c[0], &m, 1, -1) == 1)
			must_eq(kipc_commit(c[0], &m, 1), -EPIPE);
		if (way == 1)
			must(must_ok(kipc_wait(c[0], KIPC_OUT, -1)) & KIPC_OUT);
		if (way == 2)
			must_eq(must_sys(poll(&p, 1, -1)), 1);
		must_eq(kipc_send(c[0], text, sizeof(text), -1), -EPIPE);
		peer_tell(&peer, 'e');
		peer_end(&peer);
		kipc_chan_close(c[0]);
	}
}

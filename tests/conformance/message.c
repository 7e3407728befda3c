// SPDX-License-Identifier: MIT
/* One message: bounds, and what each verb promises. Both ends live in this process. */
#include "form.h"

static struct duo d;

static struct kipc_chan *make(const struct form *f, const char *options)
{
	duo_both(&d, f, options);
	return d.end[0];
}

EACH_FORM(message_bounds)
{
	struct kipc_chan *c = make(f, "size=16K");
	size_t max = chan_get(c, KIPC_OPT_MAX_MSG);

	for (int round = 0; round < 5; round++) {
		must_eq(send_one(c, 0, 1, 0, 0), 0);
		recv_one(d.end[1], 0, 1, 0);
		must_eq(send_one(c, max, 1, 1, 0), 0);
		recv_one(d.end[1], max, 1, 1);
		must_eq(send_one(c, max + 1, 1, 2, 0), -EMSGSIZE);
		must_eq(send_one(c, max + 1, 1, 2, -1), -EMSGSIZE);
		must_eq(send_one(c, 1, 1, 3, 0), 0);
		recv_one(d.end[1], 1, 1, 3);
	}
	must_eq(kipc_send(c, &c, SIZE_MAX, 0), -EMSGSIZE);
	must_eq(kipc_send(c, &c, SIZE_MAX - 8, 0), -EMSGSIZE);
	for (unsigned n = 1; n <= 2;
	     n++) { /* behind one and behind several there is another way in */
		struct kipc_msg m[2] = { { .data = &d, .len = 1 }, { .data = &d, .len = 1 } };

		must_eq(kipc_send_n(c, m, n, 0), n);
		must_eq(kipc_send(c, &c, SIZE_MAX, 0), -EMSGSIZE);
		m[0].len = SIZE_MAX;
		must_eq(kipc_send_n(c, m, n, 0), -EMSGSIZE);
	}
	duo_close(&d);
}

EACH_FORM(message_every_length)
{
	struct kipc_chan *c = make(f, "size=4K");
	size_t max = chan_get(c, KIPC_OPT_MAX_MSG);
	size_t step = harness_rounds(100) < 100 ? 7 : 1;

	for (size_t len = 0; len <= max && len <= 5000; len += step) {
		must_eq(send_one(c, len, 1, len, 0), 0);
		recv_one(d.end[1], len, 1, len);
	}
	duo_close(&d);
}

EACH_FORM(message_recv_into_a_small_buffer)
{
	struct kipc_chan *c = make(f, "size=4K");
	uint8_t buf[100];

	must_eq(send_one(c, 100, 1, 0, 0), 0);
	must_eq(send_one(c, 5, 1, 1, 0), 0);
	memset(buf, 0xa5, sizeof(buf));
	for (size_t cap = 0; cap < 100; cap += 33) {
		must_eq(kipc_recv(d.end[1], buf, cap, -1), -EMSGSIZE);
		must(buf[cap] == 0xa5);
	}
	recv_one(d.end[1], 100, 1, 0);
	recv_one(d.end[1], 5, 1, 1);
	must_eq(kipc_recv(d.end[1], buf, sizeof(buf), 0), -EAGAIN);
	duo_close(&d);
}

EACH_FORM(message_reserve_shows_nothing)
{
	struct kipc_chan *c = make(f, "size=4K");
	struct kipc_msg m[3] = { { .len = 5 }, { .len = 0 }, { .len = 300 } };
	struct kipc_msg seen[8];

	must_eq(kipc_reserve(c, m, 3, 0), 3);
	for (int i = 0; i < 3; i++)
		content_fill(m[i].data, m[i].len, 1, i);
	must_eq(kipc_peek(d.end[1], seen, 8, 0), -EAGAIN);
	must_eq(kipc_reserve(c, m, 1, 0), -EBUSY);
	must_eq(kipc_commit(c, m, 3), 3);
	for (int i = 0; i < 3; i++)
		recv_one(d.end[1], m[i].len, 1, i);
	must_eq(kipc_peek(d.end[1], seen, 8, 0), -EAGAIN);
	duo_close(&d);
}

EACH_FORM(message_commit_fewer_or_shorter)
{
	struct kipc_chan *c = make(f, "size=4K");

	for (unsigned keep = 1; keep <= 3; keep++) {
		struct kipc_msg m[3] = { { .len = 90 }, { .len = 90 }, { .len = 90 } };

		must_eq(kipc_reserve(c, m, 3, 0), 3);
		for (unsigned i = 0; i < 3; i++) {
			memset(m[i].data, 0xee, 90);
			m[i].len = 30 * i + keep;
			content_fill(m[i].data, m[i].len, keep, i);
		}
		must_eq(kipc_commit(c, m, keep), keep);
		for (unsigned i = 0; i < keep; i++)
			recv_one(d.end[1], 30 * i + keep, keep, i);
		must_eq(kipc_recv(d.end[1], m, sizeof(m), 0), -EAGAIN);
	}
	duo_close(&d);
}

EACH_FORM(message_commit_of_something_else)
{
	struct kipc_chan *c = make(f, "size=4K");
	struct kipc_msg m[2] = { { .len = 16 }, { .len = 16 } }, bad[3] = { { 0 } };

	must_eq(kipc_commit(c, m, 1), -EINVAL);
	must_eq(kipc_reserve(c, m, 2, 0), 2);
	memcpy(bad, m, sizeof(m));
	must_eq(kipc_commit(c, bad, 3), -EINVAL);
	bad[1].len = 17;
	must_eq(kipc_commit(c, bad, 2), -EINVAL);
	memcpy(bad, m, sizeof(m));
	bad[0].data = bad;
	must_eq(kipc_commit(c, bad, 2), -EINVAL);
	must_eq(kipc_recv(d.end[1], bad, sizeof(bad), 0), -EAGAIN);
	must_eq(kipc_commit(c, m, 2), 2);
	must_eq(kipc_commit(c, m, 2), -EINVAL);
	must_eq(kipc_recv(d.end[1], bad, sizeof(bad), 0), 16);
	must_eq(kipc_recv(d.end[1], bad, sizeof(bad), 0), 16);
	duo_close(&d);
}

EACH_FORM(message_discard)
{
	struct kipc_chan *c = make(f, "size=4K");
	struct kipc_msg m = { .len = 50 };

	must_eq(kipc_discard(c), 0);
	for (int i = 0; i < 100; i++) {
		m.len = 50;
		must_eq(kipc_reserve(c, &m, 1, 0), 1);
		memset(m.data, 0xee, 50);
		must_eq(kipc_discard(c), 0);
		must_eq(kipc_discard(c), 0);
		must_eq(kipc_commit(c, &m, 1), -EINVAL);
	}
	must_eq(kipc_recv(d.end[1], &m, sizeof(m), 0), -EAGAIN);
	must_eq(send_one(c, 20, 1, 0, 0), 0);
	recv_one(d.end[1], 20, 1, 0);
	duo_close(&d);
}

EACH_FORM(message_reserve_too_much)
{
	struct kipc_chan *c = make(f, "size=4K");
	size_t max = chan_get(c, KIPC_OPT_MAX_MSG);
	struct kipc_msg m[64];

	m[0].len = max + 1;
	must_eq(kipc_reserve(c, m, 1, -1), -EMSGSIZE);
	m[0].len = SIZE_MAX;
	must_eq(kipc_reserve(c, m, 1, -1), -EMSGSIZE);
	if (chan_get(c, KIPC_OPT_RING_BYTES)) {
		for (int i = 0; i < 64; i++)
			m[i].len = max;
		must_eq(kipc_reserve(c, m, 64, -1), -EMSGSIZE);
	}
	m[0].len = max;
	must_eq(kipc_reserve(c, m, 1, 0), 1);
	content_fill(m[0].data, max, 1, 0);
	must_eq(kipc_commit(c, m, 1), 1);
	recv_one(d.end[1], max, 1, 0);
	duo_close(&d);
}

EACH_FORM(message_peek_and_release)
{
	struct kipc_chan *c = make(f, "size=4K");
	struct kipc_chan *in = d.end[1];
	struct kipc_msg m[10];

	must_eq(kipc_release(in, 1), -EINVAL);
	for (int i = 0; i < 6; i++)
		must_eq(send_one(c, 40, 1, i, 0), 0);
	must_eq(kipc_peek(in, m, 4, 0), 4);
	must_eq(send_one(c, 40, 1, 6, 0), 0);
	for (int i = 0; i < 4; i++)
		must(m[i].len == 40 && content_is(m[i].data, 40, 1, i));
	must_eq(kipc_release(in, 5), -EINVAL);
	must_eq(kipc_release(in, 1), 1);
	must(content_is(m[1].data, 40, 1, 1));
	must_eq(kipc_peek(in, m, 1, 0), 1);
	must(content_is(m[0].data, 40, 1, 1));
	must_eq(kipc_peek(in, m, 10, 0), 6);
	for (int i = 0; i < 6; i++)
		must(m[i].len == 40 && content_is(m[i].data, 40, 1, i + 1));
	must_eq(kipc_release(in, 6), 6);
	must_eq(kipc_release(in, 1), -EINVAL);
	must_eq(kipc_peek(in, m, 10, 0), -EAGAIN);
	duo_close(&d);
}

/* A peeked message that was not released is what recv gives next. */
EACH_FORM(message_recv_after_peek)
{
	struct kipc_chan *c = make(f, "size=4K");
	struct kipc_msg m[3];

	for (int i = 0; i < 3; i++)
		must_eq(send_one(c, 40, 1, i, 0), 0);
	must_eq(kipc_peek(d.end[1], m, 3, 0), 3);
	recv_one(d.end[1], 40, 1, 0);
	recv_one(d.end[1], 40, 1, 1);
	must_eq(kipc_peek(d.end[1], m, 3, 0), 1);
	must_eq(kipc_release(d.end[1], 1), 1);
	duo_close(&d);
}

EACH_FORM(message_send_n)
{
	struct kipc_chan *c = make(f, "size=4K");
	size_t max = chan_get(c, KIPC_OPT_MAX_MSG);
	uint8_t *space = calloc(1, max + 1);
	struct kipc_msg m[4];

	for (int i = 0; i < 4; i++)
		m[i] = (struct kipc_msg){ .data = space, .len = 10 };
	m[2].len = SIZE_MAX;
	must_eq(kipc_send_n(c, m, 4, 0), 2);
	for (int i = 0; i < 2; i++)
		must_eq(kipc_recv(d.end[1], space, max, 0), 10);
	m[2].len = max + 1;
	must_eq(kipc_send_n(c, m, 4, 0), 2);
	must_eq(kipc_send_n(c, m + 2, 2, 0), -EMSGSIZE);
	must_eq(kipc_send_n(c, m + 3, 1, 0), 1);
	for (int i = 0; i < 3; i++)
		must_eq(kipc_recv(d.end[1], space, max, 0), 10);
	must_eq(kipc_recv(d.end[1], space, max, 0), -EAGAIN);
	free(space);
	duo_close(&d);
}

EACH_FORM(message_recv_n)
{
	struct kipc_chan *c = make(f, "size=4K");
	uint8_t small[8], large[2][50];
	struct kipc_msg m[3] = { { .data = large[0], .len = 50 },
		                 { .data = small, .len = 8 },
		                 { .data = large[1], .len = 50 } };

	must_eq(kipc_recv_n(d.end[1], m, 3, 0), -EAGAIN);
	for (int i = 0; i < 3; i++)
		must_eq(send_one(c, 30, 1, i, 0), 0);
	must_eq(kipc_recv_n(d.end[1], m, 3, 0), 1);
	must(m[0].len == 30 && content_is(large[0], 30, 1, 0));
	m[1].len = 8;
	must_eq(kipc_recv_n(d.end[1], m + 1, 2, -1), -EMSGSIZE);
	m[0] = (struct kipc_msg){ .data = large[0], .len = 30 };
	m[1] = (struct kipc_msg){ .data = large[1], .len = 31 };
	must_eq(kipc_recv_n(d.end[1], m, 2, -1), 2);
	must(m[1].len == 30 && content_is(large[1], 30, 1, 2));
	duo_close(&d);
}

/* A larger n is treated as KIPC_BATCH_MAX. */
EACH_FORM(message_large_batches)
{
	struct kipc_chan *c = make(f, "size=64K");
	struct kipc_msg m[100], seen[100];
	uint8_t bytes[100];

	memset(m, 0, sizeof(m));
	for (int i = 0; i < 100; i++) {
		bytes[i] = (uint8_t)i;
		m[i] = (struct kipc_msg){ .data = &bytes[i], .len = 1 };
	}
	must_eq(kipc_send_n(c, m, 100, 0), KIPC_BATCH_MAX);
	must_eq(kipc_peek(d.end[1], seen, 100, 0), KIPC_BATCH_MAX);
	for (int i = 0; i < KIPC_BATCH_MAX; i++)
		must_eq(*(uint8_t *)seen[i].data, i);
	must_eq(kipc_release(d.end[1], KIPC_BATCH_MAX), KIPC_BATCH_MAX);
	must_eq(kipc_reserve(c, m, 100, 0), KIPC_BATCH_MAX);
	for (int i = 0; i < KIPC_BATCH_MAX; i++)
		*(uint8_t *)m[i].data = (uint8_t)i;
	must_eq(kipc_commit(c, m, KIPC_BATCH_MAX), KIPC_BATCH_MAX);
	for (int i = 0; i < 100; i++)
		seen[i] = (struct kipc_msg){ .data = &bytes[i], .len = 1 };
	must_eq(kipc_recv_n(d.end[1], seen, 100, 0), KIPC_BATCH_MAX);
	must_eq(bytes[63], 63);
	duo_close(&d);
}

static void check_aligned(const struct form *f, const char *options, size_t align)
{
	struct kipc_chan *c = make(f, options);

	for (size_t len = 1; len < 200; len += 3) {
		struct kipc_msg m[2] = { { .len = len }, { .len = 2 * len } };

		must_eq(kipc_reserve(c, m, 2, 0), 2);
		must_eq((uintptr_t)m[0].data % align, 0);
		must_eq((uintptr_t)m[1].data % align, 0);
		must_eq(kipc_commit(c, m, 2), 2);
		must_eq(kipc_peek(d.end[1], m, 2, 0), 2);
		must_eq((uintptr_t)m[0].data % align, 0);
		must_eq((uintptr_t)m[1].data % align, 0);
		must_eq(kipc_release(d.end[1], 2), 2);
	}
	duo_close(&d);
}

EACH_FORM(message_alignment)
{
	check_aligned(f, "size=64K", 8);
	check_aligned(f, "size=64K&align=64", 8);
	if (!form_can(f, KIPC_CAP_ZEROCOPY))
		return;
	check_aligned(f, "size=64K&align=64&payload=1", 64);
	check_aligned(f, "size=64K&align=4096&payload=1", 4096);
}

/* NULL and n = 0 are malformed, whatever the transport. */
EACH_FORM(message_malformed_calls)
{
	struct kipc_chan *c = make(f, "");
	struct kipc_msg m = { .len = 8 };
	char byte;

	must_eq(kipc_send(NULL, &byte, 1, 0), -EINVAL);
	must_eq(kipc_send(c, NULL, 1, 0), -EINVAL);
	must_eq(kipc_send(c, NULL, 0, 0), 0);
	must_eq(kipc_recv(NULL, &byte, 1, 0), -EINVAL);
	must_eq(kipc_recv(d.end[1], NULL, 1, 0), -EINVAL);
	must_eq(kipc_recv(d.end[1], NULL, 0, 0), 0);
	must_eq(kipc_reserve(c, NULL, 1, 0), -EINVAL);
	must_eq(kipc_reserve(c, &m, 0, 0), -EINVAL);
	must_eq(kipc_reserve(NULL, &m, 1, 0), -EINVAL);
	must_eq(kipc_commit(c, NULL, 1), -EINVAL);
	must_eq(kipc_commit(NULL, &m, 1), -EINVAL);
	must_eq(kipc_discard(NULL), -EINVAL);
	must_eq(kipc_peek(d.end[1], NULL, 1, 0), -EINVAL);
	must_eq(kipc_peek(d.end[1], &m, 0, 0), -EINVAL);
	must_eq(kipc_peek(NULL, &m, 1, 0), -EINVAL);
	must_eq(kipc_release(NULL, 1), -EINVAL);
	must_eq(kipc_send_n(c, NULL, 1, 0), -EINVAL);
	must_eq(kipc_send_n(c, &m, 0, 0), -EINVAL);
	must_eq(kipc_recv_n(d.end[1], NULL, 1, 0), -EINVAL);
	must_eq(kipc_recv_n(d.end[1], &m, 0, 0), -EINVAL);
	must_eq(kipc_wait(NULL, KIPC_IN, 0), -EINVAL);
	must_eq(kipc_wait(c, 0x100, 0), -EINVAL);
	must_eq(kipc_shutdown(NULL, KIPC_IN), -EINVAL);
	must_eq(kipc_shutdown(c, 0x100), -EINVAL);
	must_eq(kipc_chan_fd(NULL, KIPC_IN), -EINVAL);
	must_eq(kipc_chan_fd(c, KIPC_IN | KIPC_OUT), -EINVAL);
	must_eq(kipc_chan_fd(c, 0), -EINVAL);
	kipc_chan_close(NULL);
	duo_close(&d);
}

/* A buffer of which the caller knows that whatever comes fits. */
EACH_FORM(message_into_a_buffer_without_bounds)
{
	uint8_t buf[100];
	struct kipc_msg m = { .data = buf, .len = SIZE_MAX };

	duo_both(&d, f, "size=4K");
	for (int i = 0; i < 3; i++)
		must_eq(send_one(d.end[0], 100, 1, i, 0), 0);
	must_eq(kipc_recv(d.end[1], buf, SIZE_MAX, 0), 100);
	must(content_is(buf, 100, 1, 0));
	must_eq(kipc_recv_n(d.end[1], &m, 1, 0), 1);
	must(m.len == 100 && content_is(buf, 100, 1, 1));
	must_eq(kipc_read(d.end[1], buf, SIZE_MAX, 0), 100);
	must(content_is(buf, 100, 1, 2));
	duo_close(&d);
}

/* A later message without a buffer: nothing is sent, and nothing is taken. */
EACH_FORM(message_batch_without_a_buffer)
{
	uint8_t buf[3][100] = { 0 };
	struct kipc_msg m[3];

	duo_both(&d, f, "size=4K");
	for (int i = 0; i < 3; i++)
		m[i] = (struct kipc_msg){ .data = buf[i], .len = 100 };
	m[2].data = NULL;
	must_eq(kipc_send_n(d.end[0], m, 3, 0), -EINVAL);
	must_eq(kipc_recv(d.end[1], buf[0], 100, 0), -EAGAIN);
	m[2].len = 0;
	must_eq(kipc_send_n(d.end[0], m, 3, 0), 3);
	m[1].data = NULL;
	must_eq(kipc_recv_n(d.end[1], m, 2, 0), -EINVAL);
	m[1].data = buf[1];
	m[2].len = 0;
	must_eq(kipc_recv_n(d.end[1], m, 3, 0), 3);
	must(m[0].len == 100 && m[1].len == 100 && m[2].len == 0);
	duo_close(&d);
}

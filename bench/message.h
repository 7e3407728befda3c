/* SPDX-License-Identifier: MIT */
/*
 * message.h - what a message of the bench holds
 *
 * A sequence number at its head and once more at its tail, so that a lost, repeated, reordered, cut or
 * torn message is seen. Two bits of the number are signals from the sender.
 */
#ifndef MESSAGE_H
#define MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MESSAGE_STOP  (1ull << 63) /* the last one */
#define MESSAGE_START (1ull << 62) /* the receiver's clock starts when this one is there */
#define MESSAGE_SEQ   (MESSAGE_START - 1)

static inline void message_stamp(void *buf, size_t len, uint64_t word)
{
	memcpy(buf, &word, sizeof(word));
	memcpy((char *)buf + len - sizeof(word), &word, sizeof(word));
}

/* The head of the message; *whole: the tail is the same. */
static inline uint64_t message_read(const void *buf, size_t len, bool *whole)
{
	uint64_t head, tail;

	memcpy(&head, buf, sizeof(head));
	memcpy(&tail, (const char *)buf + len - sizeof(tail), sizeof(tail));
	*whole = head == tail;
	return head;
}

#endif /* MESSAGE_H */

/* SPDX-License-Identifier: MIT */
/*
 * frame.h - what precedes the payload of every message on an end that is used for calls
 *
 * Fixed width, little-endian as the machine, no field that is not checked. An id is chosen by the side
 * that calls: its low bits are a place in that side's table and in the server's, so that both have
 * KIPC_CALL_MAX places and a frame finds its own without a search. A place is taken from the request to
 * the one and only answer; whoever cancels waits for that as well.
 *
 *	caller                                server
 *	REQUEST id, deadline, payload  ---->
 *	CANCEL id                      ---->  (may come too late, and is ignored then)
 *	                               <----  REPLY id, status, payload where status is 0
 */
#ifndef KIPC_CALL_FRAME_H
#define KIPC_CALL_FRAME_H

#include <stdint.h>
#include <kipc.h>

#define KIPC__FRAME_VERSION 1

#define KIPC__FRAME_REQUEST 1
#define KIPC__FRAME_REPLY   2
#define KIPC__FRAME_CANCEL  3

/* The status of a reply: 0: a payload; negative: the errno that the server gave; or the library's: */
#define KIPC__REPLY_EXPIRED   1 /* the deadline had passed, the server never saw it */
#define KIPC__REPLY_CANCELLED 2 /* the answer to CANCEL */
#define KIPC__REPLY_LAST      2

#define KIPC__ERRNO_MAX 4095

struct kipc__frame {
	uint8_t version;
	uint8_t type; /* KIPC__FRAME_* */
	uint16_t reserved;
	int32_t status;   /* REPLY; otherwise 0 */
	uint64_t id;      /* 1 .. INT64_MAX */
	int64_t deadline; /* REQUEST: absolute ns of CLOCK_MONOTONIC, INT64_MAX: none; otherwise 0 */
};

_Static_assert(sizeof(struct kipc__frame) == KIPC_CALL_BYTES, "documented in kipc.h");

#endif /* KIPC_CALL_FRAME_H */

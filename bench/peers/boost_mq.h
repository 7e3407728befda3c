/* SPDX-License-Identifier: MIT */
/* boost_mq.h - Boost's message queue for C */
#ifndef BOOST_MQ_H
#define BOOST_MQ_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A queue that both processes of a fork can use, already without a name; NULL with a reason. */
void *boost_mq_new(const char *name, size_t depth, size_t size, char *why, size_t room);

/* 1: done, 0: would have to wait (only when wait is 0), -1: failed. */
int boost_mq_put(void *queue, const void *msg, size_t size, int wait);

/* The length that came, or 0 and -1 as above. */
long boost_mq_take(void *queue, void *msg, size_t size, int wait);

#ifdef __cplusplus
}
#endif

#endif /* BOOST_MQ_H */

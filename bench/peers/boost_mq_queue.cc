// SPDX-License-Identifier: MIT
/* boost_mq_queue.cc - Boost's message queue for C; see boost_mq.h */
#include "boost_mq.h"

#include <boost/interprocess/ipc/message_queue.hpp>
#include <cstdio>
#include <exception>

namespace ipc = boost::interprocess;

void *boost_mq_new(const char *name, size_t depth, size_t size, char *why, size_t room)
{
	try {
		ipc::message_queue::remove(name);
		auto *queue = new ipc::message_queue(ipc::create_only, name, depth, size);
		ipc::message_queue::remove(name);
		return queue;
	} catch (const std::exception &e) {
		snprintf(why, room, "%s", e.what());
		return nullptr;
	}
}

int boost_mq_put(void *queue, const void *msg, size_t size, int wait)
{
	auto *mq = static_cast<ipc::message_queue *>(queue);

	try {
		if (!wait)
			return mq->try_send(msg, size, 0);
		mq->send(msg, size, 0);
		return 1;
	} catch (const std::exception &) {
		return -1;
	}
}

long boost_mq_take(void *queue, void *msg, size_t size, int wait)
{
	auto *mq = static_cast<ipc::message_queue *>(queue);
	ipc::message_queue::size_type got = 0;
	unsigned int priority;

	try {
		if (wait)
			mq->receive(msg, size, got, priority);
		else if (!mq->try_receive(msg, size, got, priority))
			return 0;
		return got;
	} catch (const std::exception &) {
		return -1;
	}
}

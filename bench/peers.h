/* SPDX-License-Identifier: MIT */
/*
 * peers.h - other libraries' ways to do what libkipc does
 *
 * Each is a small driver in bench/peers, a shared object of its own that exports a struct mech. It is
 * loaded in the first process of its own repetitions only: what such a library does to a process
 * (signal handlers, hooked allocators, threads) concerns nobody else's figures.
 */
#ifndef PEERS_H
#define PEERS_H

#include "bench.h"

/* Add every known peer to mechs; those without a driver in the folder get the reason as theirs. */
int peers_add(const char *folder);

/* A path for the peer's socket, the same in both processes; removed after the repetition. */
void peers_socket(const struct pair *p, char *path, size_t room);

#endif /* PEERS_H */

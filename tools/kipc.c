// SPDX-License-Identifier: MIT
/* kipc: one binary, a table of subcommands. */
#include "tool.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct command commands[] = {
	{ "doctor", cmd_doctor, "[--json]", "which transports run here, and why not the others" },
	{ "cat", cmd_cat, "--send|--recv URI", "stdin to a channel, a channel to stdout" },
	{ "ping", cmd_ping, "URI | --listen URI | --self", "round-trip times over a channel" },
};

#define NR_COMMANDS (sizeof(commands) / sizeof(*commands))

static void help(FILE *to)
{
	fprintf(to, "usage: kipc COMMAND [OPTION...] [URI]\n\n");
	for (size_t i = 0; i < NR_COMMANDS; i++)
		fprintf(to, "  kipc %-7s %-28s %s\n", commands[i].name, commands[i].usage,
		        commands[i].about);
	fprintf(to,
	        "\nURI: auto://NAME  shm://NAME  kmod://NAME  unix:///PATH, then options such as "
	        "?size=8M&wait=spin\n'kipc COMMAND --help' says more; so does kipc(1).\n");
}

/* A descriptor of the library must not become number 0, 1 or 2 of a process that was started with
 * those closed. The stand-ins fail with EBADF when they are used, as a closed one would.
 */
static void keep_standard_descriptors(void)
{
	static const int wrong_way[] = { O_WRONLY, O_RDONLY, O_RDONLY };

	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", wrong_way[fd]) < 0)
			_exit(STATUS_MISSING);
}

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < NR_COMMANDS; i++)
		if (!strcmp(name, commands[i].name))
			return &commands[i];
	return NULL;
}

int main(int argc, char **argv)
{
	const struct command *c;
	char name[32];

	keep_standard_descriptors();
	if (argc < 2) {
		complain("usage", "kipc COMMAND [OPTION...]; see kipc --help");
		return STATUS_BAD;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		help(stdout);
		return stdout_flush();
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		version_print();
		return stdout_flush();
	}
	c = find(argv[1]);
	if (!c) {
		complain(argv[1], "no such command; see kipc --help");
		return STATUS_BAD;
	}
	snprintf(name, sizeof(name), "kipc %s", c->name);
	argv[1] = name;
	return c->run(argc - 1, argv + 1);
}

// SPDX-License-Identifier: MIT
/* Signals that end a command: they let it close its channel, so that no name stays behind. */
#include "tool.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>

static volatile sig_atomic_t asked;

/* A signal may come after the flag was looked at and before the call sleeps. The alarm then ends
 * that sleep, and any later one, every 10 ms until the process is over.
 */
static void on_stop(int sig)
{
	const struct itimerval again = { { 0, 10000 }, { 0, 10000 } };

	if (asked)
		return;
	asked = sig;
	setitimer(ITIMER_REAL, &again, NULL);
}

static void on_alarm(int sig)
{
	(void)sig;
}

void stop_install(void)
{
	static const int stops[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction old, act = { .sa_handler = on_alarm };

	sigaction(SIGALRM, &act, NULL);
	act.sa_handler = on_stop;
	for (size_t i = 0; i < sizeof(stops) / sizeof(*stops); i++) {
		/* nohup and background jobs ignore some of them; that stays so. */
		sigaction(stops[i], NULL, &old);
		if (old.sa_handler != SIG_IGN)
			sigaction(stops[i], &act, NULL);
	}
	act.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &act, NULL);
}

bool stop_asked(void)
{
	return asked != 0;
}

void stop_obey(void)
{
	signal(asked, SIG_DFL);
	raise(asked);
	exit(128 + asked);
}

// SPDX-License-Identifier: MIT
#include <dirent.h>
#include <sched.h>
#include <sys/stat.h>
#include "form.h"

const struct form shm_anon = { "shm_anon", "shm", false };
const struct form shm_named = { "shm_named", "shm", true };
const struct form unix_anon = { "unix_anon", "unix", false };
const struct form unix_named = { "unix_named", "unix", true };
const struct form kmod_anon = { "kmod_anon", "kmod", false };
const struct form kmod_named = { "kmod_named", "kmod", true };
const struct form *const forms[] = { &shm_anon,  &shm_named,  &unix_anon, &unix_named,
	                             &kmod_anon, &kmod_named, NULL };

const unsigned wait_modes[3] = { KIPC_WAIT_ADAPTIVE, KIPC_WAIT_SPIN, KIPC_WAIT_BLOCK };

const char *wait_name(unsigned wait)
{
	return wait == KIPC_WAIT_SPIN ? "spin" : wait == KIPC_WAIT_BLOCK ? "block" : "adaptive";
}

struct kipc_transport_info form_info(const char *scheme)
{
	struct kipc_transport_info info = { .size = sizeof(info) };

	for (unsigned i = 0; kipc_transport_info(i, &info) == 0; i++)
		if (!strcmp(info.scheme, scheme))
			return info;
	return (struct kipc_transport_info){ .status = -ENOENT, .why = "not in this build" };
}

bool form_can(const struct form *f, uint64_t cap)
{
	return (form_info(f->scheme).caps & cap) == cap;
}

/* A transport that is required and does not run gets here. */
void form_run(const struct form *f, void (*body)(const struct form *f))
{
	struct kipc_transport_info info = form_info(f->scheme);

	if (info.status)
		harness_skip(f->scheme, "%s", info.why);
	body(f);
}

gid_t form_group(const struct form *f)
{
	struct stat st;

	if (strcmp(f->scheme, "kmod") || stat("/dev/kipc", &st) < 0)
		return NOBODY;
	return st.st_mode & 0006 ? NOBODY : st.st_gid;
}

void form_uri(const struct form *f, const char *options, char *uri, size_t size)
{
	const char *dir = "", *name = "";

	if (f->named) {
		name = harness_name();
		if (!strcmp(f->scheme, "unix"))
			dir = harness_dir();
	}
	snprintf(uri, size, "%s://%s%s%s%s%s", f->scheme, dir, *dir ? "/" : "", name,
	         *options ? "?" : "", options);
}

/* ---- a channel with two ends ------------------------------------------------------------ */

static struct kipc_chan *open_named(const char *uri)
{
	struct kipc_chan *c = NULL;
	int r = kipc_chan_open(&c, uri, KIPC_PAIR | KIPC_CREATE, NULL);

	if (r < 0)
		harness_fail(__FILE__, __LINE__, "open %s: %s (%s)", uri, kipc_strerror(r),
		             kipc_why());
	must(c);
	return c;
}

void duo_make(struct duo *d, const struct form *f, const char *options)
{
	int r;

	*d = (struct duo){ .form = f };
	form_uri(f, options, d->uri, sizeof(d->uri));
	if (f->named) {
		d->end[0] = open_named(d->uri);
		return;
	}
	r = kipc_chan_pair(d->end, d->uri, KIPC_PAIR, NULL);
	if (r < 0)
		harness_fail(__FILE__, __LINE__, "pair %s: %s (%s)", d->uri, kipc_strerror(r),
		             kipc_why());
}

void duo_both(struct duo *d, const struct form *f, const char *options)
{
	duo_make(d, f, options);
	if (f->named)
		d->end[1] = open_named(d->uri);
}

struct kipc_chan *duo_mine(struct duo *d)
{
	kipc_chan_close(d->end[1]);
	d->end[1] = NULL;
	return d->end[0];
}

struct kipc_chan *duo_theirs(struct duo *d)
{
	kipc_chan_close(d->end[0]);
	d->end[0] = NULL;
	if (d->form->named)
		d->end[1] = open_named(d->uri);
	return d->end[1];
}

void duo_close(struct duo *d)
{
	kipc_chan_close(d->end[0]);
	kipc_chan_close(d->end[1]);
	d->end[0] = d->end[1] = NULL;
}

uint64_t chan_get(const struct kipc_chan *c, enum kipc_opt opt)
{
	uint64_t value = 0;

	must_eq(kipc_chan_get(c, opt, &value), 0);
	return value;
}

void chan_set_wait(struct kipc_chan *c, unsigned wait)
{
	must_eq(kipc_chan_set(c, KIPC_OPT_WAIT, wait), 0);
}

struct kipc_stats chan_stats(const struct kipc_chan *c)
{
	struct kipc_stats s = { .size = sizeof(s) };

	must_eq(kipc_chan_stats(c, &s), 0);
	return s;
}

/* ---- resources -------------------------------------------------------------------------- */

unsigned form_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	must(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

unsigned form_maps(void)
{
	FILE *file = fopen("/proc/self/maps", "re");
	unsigned n = 0;
	int byte;

	must(file);
	while ((byte = getc(file)) != EOF)
		n += byte == '\n';
	fclose(file);
	return n;
}

/* ---- messages --------------------------------------------------------------------------- */

int send_one(struct kipc_chan *c, size_t len, uint64_t seed, uint64_t i, int64_t timeout)
{
	uint8_t *copy = malloc(len + 1);
	int r;

	content_fill(copy, len, seed, i);
	r = kipc_send(c, copy, len, timeout);
	free(copy);
	return r;
}

/* A byte behind the buffer tells whether the library wrote beyond it. */
void recv_one(struct kipc_chan *c, size_t len, uint64_t seed, uint64_t i)
{
	uint8_t *copy = malloc(len + 1);

	copy[len] = 0xa5;
	must_eq(kipc_recv(c, copy, len, -1), len);
	must(content_is(copy, len, seed, i));
	must(copy[len] == 0xa5);
	free(copy);
}

unsigned fill_up(struct kipc_chan *c, size_t len, uint64_t seed)
{
	unsigned n = 0;
	int r;

	while ((r = send_one(c, len, seed, n, 0)) == 0)
		n++;
	must_eq(r, -EAGAIN);
	return n;
}

long form_switches(pid_t pid)
{
	char path[40], line[128];
	long n = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "re");
	must(file);
	while (fgets(line, sizeof(line), file))
		(void)!sscanf(line, "voluntary_ctxt_switches: %ld", &n);
	fclose(file);
	return n;
}

void form_pin(int n)
{
	cpu_set_t all, one;

	must_sys(sched_getaffinity(0, sizeof(all), &all));
	n %= CPU_COUNT(&all);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all) || n-- > 0)
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		must_sys(sched_setaffinity(0, sizeof(one), &one));
		return;
	}
}

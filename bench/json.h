/* SPDX-License-Identifier: MIT */
/* json.h - the results as a file */
#ifndef JSON_H
#define JSON_H

#include "run.h"

struct json_extra {
	const char *command; /* how the bench was called */
	const char *commit;
	bool quick;
};

/* Could path be written? A negative errno before a run is better than one after it. */
int json_try(const char *path);

/* Write everything to path, whole or not at all. A negative errno. */
int json_write(const char *path, const struct run *run, const struct json_extra *extra);

#endif /* JSON_H */

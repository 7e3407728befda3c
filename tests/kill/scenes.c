// SPDX-License-Identifier: MIT
#include "victim.h"

const struct scene *scene_at(unsigned i)
{
	static const struct scene *const tables[] = { pair_scenes, call_scenes, bytes_scenes,
		                                      long_scenes, name_scenes, queue_scenes,
		                                      topic_scenes };
	unsigned t;

	for (t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
		const struct scene *s = tables[t];

		for (; s->name; s++)
			if (i-- == 0)
				return s;
	}
	return NULL;
}

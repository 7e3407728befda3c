/* SPDX-License-Identifier: MIT */
/*
 * life.pml - model of the places of a hub: taken, left, died over, cleaned up after, taken again
 *
 * lib/transport/hub_shm_end.c step by step; each access to shared memory and each system call is one step.
 * Place 0 and place 1 are of different ranges, as a publisher's and a subscriber's are: user 0 has place
 * 0, and users 1 and 2 are after place 1. The word of a place is {state, cleaner, version} and changes
 * in one step; life locks and the setup lock are the kernel's, which drops them when their process
 * ends, and that may be before any step. Some deaths and some polite leavings happen, anywhere; then
 * user 0 lives on, and looks.
 *
 * Right is
 *   safety     nobody cleans up after a place that somebody lives in, or that is clean, nor two at once;
 *              nobody moves into a place that is not clean
 *   progress   once nobody comes and nobody dies any more, one look leaves nothing of the dead
 *
 * TWIN selects what is broken; 0: nothing.
 */
#ifndef TWIN
#define TWIN 0
#endif
#define NO_VERSION (TWIN == 1)
#define NO_SETUP_LOCK (TWIN == 2)
#define LOCK_FIRST    (TWIN == 3)
#define NO_ABANDONED  (TWIN == 4)
#define NEWCOMER_LOST (TWIN == 5)
#define NOT_INHERITED (TWIN == 6)
#define NO_LIFE_LOCK  (TWIN == 7)
#define JOIN_FIRST    (TWIN == 8)

#define PLACES   2
#define USERS    3
#define NOBODY   255
#define NEWCOMER 254

#define FREE 0
#define LIVE 1
#define DEAD 2
#define REAP 3

#ifndef DEATHS
#define DEATHS 2
#endif
#ifndef LEAVINGS
#define LEAVINGS 1
#endif

typedef place {
	byte state, cleaner, version; /* the word */
	byte lock;                       /* whose life lock it is */
	bool mess;                       /* something of an owner lies there: it was live, */
	bool began;                       /* or it began to join */
	byte cleaning                    /* how many clean up */
}

place at[PLACES];
byte setup = NOBODY; /* who holds the setup lock */
byte deaths = DEATHS, leavings = LEAVINGS;
bool doomed[USERS];
bool retired[USERS];
bool over; /* no further deaths */
byte cleans[USERS]; /* which place a user cleans, or NOBODY */

/* Nobody is coming, going or about to die but user 0. */
#define IDLE(w) (!doomed[w] && (retired[w] || at[1].lock == w))
#define QUIET   (over && !doomed[0] && setup == NOBODY && IDLE(1) && IDLE(2))
#define LIVED_IN(p) (at[p].state == LIVE && at[p].lock != NOBODY)
#define AT_REST(p) (LIVED_IN(p) || (!at[p].mess && !at[p].began))

/* ---- looking after the dead: hub_shm_end.c, look_at() and bury() ------------------------------ */

inline abandoned()
{
	if
	:: c == NEWCOMER && me == NOBODY -> won = true
	:: c == NEWCOMER && me != NOBODY -> won = !NEWCOMER_LOST && setup == NOBODY
	:: c != NEWCOMER && c == me -> won = false
	:: c != NEWCOMER && c != me -> won = at[c].lock == NOBODY && !NO_ABANDONED
	fi
}

/* The kind's died() takes its time: it begins with the step before and ends with the next one. */
inline begin_bury(p)
{
	assert(at[p].lock == NOBODY);
	assert(at[p].mess || s == REAP); /* again, where the first one died over it */
	assert(at[p].cleaning == 0);
	at[p].cleaning++;
	cleans[u] = p
}

inline bury(p)
{
	d_step {
		at[p].cleaning--;
		cleans[u] = NOBODY;
		at[p].mess = false;
		at[p].began = false
	}
	d_step { at[p].state = DEAD; won = false }
}

/* Load the word; is it of the dead, as far as it says? */
inline load(p)
{
	s = at[p].state;
	c = at[p].cleaner;
	v = at[p].version
}

/* Compare and exchange the word: I clean up. */
inline swap(p)
{
	won = at[p].state == s && at[p].cleaner == c && at[p].version == v;
	if
	:: won ->
		at[p].state = REAP;
		at[p].cleaner = (me == NOBODY -> NEWCOMER : me);
		at[p].version = at[p].version + !NO_VERSION;
		begin_bury(p)
	:: else
	fi
}

inline swap_and_bury(p)
{
	if
	:: won -> d_step { swap(p) }
	:: else
	fi;
	if
	:: won -> bury(p)
	:: else
	fi;
	d_step { s = 0; c = 0; v = 0 }
}

inline look_at(p)
{
	d_step { load(p); won = p != me && (s == LIVE || s == REAP) }
	if
	:: won -> d_step { won = at[p].lock == NOBODY || NO_LIFE_LOCK } /* is its owner alive? */
	:: else
	fi;
	if
	:: won && s == REAP -> d_step { abandoned() } /* is its cleaner? */
	:: else
	fi;
	swap_and_bury(p)
}

/* ---- coming and going: kipc__hub_take(), _settle(), _drop() -------------------------------- */

inline setup_lock()
{
	if
	:: NO_SETUP_LOCK
	:: !NO_SETUP_LOCK -> atomic { setup == NOBODY -> setup = u }
	fi
}

inline setup_unlock()
{
	d_step {
		if
		:: setup == u -> setup = NOBODY
		:: else
		fi
	}
}

/* What the one who had my place before me was cleaning up is mine to finish. */
inline inherit(p)
{
	d_step { load(p); won = s == REAP && c == me && !NOT_INHERITED }
	swap_and_bury(p)
}

inline take(p)
{
	d_step { won = at[p].state == FREE || at[p].state == DEAD }
	if
	:: won ->
		d_step {
			if
			:: at[p].lock == NOBODY -> at[p].lock = u; me = p
			:: else
			fi;
			won = false
		}
	:: else
	fi
}

inline settle()
{
	if
	:: JOIN_FIRST -> at[me].began = true
	:: else
	fi;
	d_step {
		assert(!at[me].mess && (JOIN_FIRST || !at[me].began) && at[me].lock == u);
		at[me].mess = true;
		at[me].cleaner = 0;
		at[me].version = at[me].version + !NO_VERSION;
		at[me].state = LIVE
	};
	at[me].began = true /* the kind's join() */
}

inline tidy()
{
	at[me].mess = false;
	at[me].began = false;
	at[me].state = FREE
}

inline drop()
{
	if
	:: LOCK_FIRST -> at[me].lock = NOBODY; d_step { tidy() }
	:: !LOCK_FIRST -> d_step { tidy() }; at[me].lock = NOBODY
	fi;
	me = NOBODY
}

/* ---- a user ------------------------------------------------------------------------------ */

inline kernel_ends_it()
{
	d_step {
		doomed[u] = false;
		retired[u] = false;
		if
		:: cleans[u] != NOBODY -> at[cleans[u]].cleaning--; cleans[u] = NOBODY
		:: else
		fi;
		if
		:: at[mine].lock == u -> at[mine].lock = NOBODY
		:: else
		fi;
		if
		:: setup == u -> setup = NOBODY
		:: else
		fi;
		me = NOBODY; s = 0; c = 0; v = 0; won = false; calm = false
	}
}

/* mine: the place that it is after, other: the one that it looks after while it has its own. */
proctype user(byte u, mine, other)
{
	byte me = NOBODY, s, c, v;
	bool won, calm;

again:
	{
end:		do
		:: me == NOBODY ->
			d_step {
				calm = over && !doomed[0] && !doomed[1] && !doomed[2] &&
				       retired[1] && retired[2]
			};
			setup_lock();
			look_at(mine);
			take(mine);
			assert(me != NOBODY || !calm);
			calm = false;
			if
			:: me != NOBODY -> inherit(other); settle()
			:: else
			fi;
			setup_unlock()
		:: me != NOBODY && u != 2 -> look_at(other)
		:: atomic { me != NOBODY && leavings > 0 -> leavings-- }; drop()
		:: me == NOBODY && u != 0 -> retired[u] = true; break /* it never comes again */
		:: me != NOBODY && u == 0 && QUIET -> look_at(other); assert(AT_REST(other)); break
		od
	} unless {
		doomed[u]
	};
	if
	:: doomed[u] -> kernel_ends_it(); goto again
	:: else
	fi
}

proctype death()
{
	do
	:: deaths > 0 && !doomed[0] -> d_step { doomed[0] = true; deaths-- }
	:: deaths > 0 && !doomed[1] -> d_step { doomed[1] = true; deaths-- }
	:: deaths > 0 && !doomed[2] -> d_step { doomed[2] = true; deaths-- }
	:: over = true; break
	od
}

init {
	atomic {
		at[0].lock = NOBODY;
		at[1].lock = NOBODY;
		cleans[0] = NOBODY;
		cleans[1] = NOBODY;
		cleans[2] = NOBODY;
		run user(0, 0, 1);
		run user(1, 1, 0);
		run user(2, 1, 0);
		run death()
	}
}

/*
Who is in a cache: mcache's Enter, Leave, join, drain, seize, flush, restore and Close, with pinning
(enter_pinned.go, and visit_unpinned.go to the same effect) or, under PORTABLE, with a lock for each cache (enter_portable.go).

Two Ps, or owners; two goroutines that enter some P's cache and use it, CALLS times in all; DRAINERS (1 or 2) that
drain or sweep, CLOSERS (0 or 1) that may close the set, CHANGERS (0 or 1) that shrink and grow GOMAXPROCS. A step is one access to the
places that Enter reads, or to a cache's count; user is what must be true beside it: one is in a cache.
*/
#ifndef CALLS
#define CALLS 2
#endif
#ifndef DRAINERS
#define DRAINERS 1
#endif
#ifndef CLOSERS
#define CLOSERS 1
#endif
#ifndef CHANGERS
#define CHANGERS 1
#endif
#define IDS 2
#define SLOTS 2

#ifdef STORE_AFTER_STOP
#define STORED_AFTER true
#else
#define STORED_AFTER false
#endif
#ifdef RESTORE_EARLY
#define RESTORED_EARLY true
#else
#define RESTORED_EARLY false
#endif

#ifdef DRAIN_UNLOCKED
#define DRAIN_LOCK own
#else
#define DRAIN_LOCK mu
#endif

#define nobody 0
#define cacheOf(id) ((id) + 1)

byte caches[IDS];          /* what Enter finds: nobody, or a cache */
bool all[IDS];             /* the caches that were made */
bool closed;
bool mu;                   /* the set's lock */
byte procs = IDS;          /* GOMAXPROCS */
byte slots[IDS];           /* that a cache holds */
byte central = SLOTS;      /* slots that the central has */
byte out;                  /* slots that callers have */
bit user[IDS];

#ifdef PORTABLE
bool locks[IDS];           /* the owners' */
#else
bool pinned[IDS];          /* a goroutine is pinned to the P */
bool stopped[IDS];         /* by who stops the world */
bool worldStopper;
#endif
byte calls, done;

#define lock(l)   atomic { !l -> l = true }
#define unlock(l) l = false

inline beginUse(i) { atomic { assert(!user[i]); user[i] = 1 } }
inline endUse(i)   { atomic { assert(user[i]); user[i] = 0 } }

#ifdef PORTABLE

inline Enter() {
	if
	:: id = 0
	:: procs > 1 -> id = 1
	fi;
	lock(locks[id]);
	c = caches[id];
	if
	:: c == nobody -> unlock(locks[id])
	:: else
	fi
}

inline Leave() {
	if
	:: c != nobody -> unlock(locks[id])
	:: else
	fi
}

inline seize() {
#ifndef NO_STOP
	for (i : 0 .. IDS - 1) {
		if
		:: chosen & (1 << i) -> lock(locks[i])
		:: else
		fi
	}
#else
	skip
#endif
}

inline changeProcs() { procs = 3 - procs }

inline restore(i) {
	caches[i] = (all[i] -> cacheOf(i) : nobody);
	unlock(locks[i])
}

#else

/* Enter finds the goroutine on some P that no other is pinned to. */
inline Enter() {
	atomic {
		if
		:: !pinned[0] && !stopped[0] -> id = 0
		:: procs > 1 && !pinned[1] && !stopped[1] -> id = 1
		fi;
		pinned[id] = true
	}
	c = caches[id]
}

inline Leave() { pinned[id] = false }

/* stopTheWorld waits until every P is at a point where it is not pinned, and then lets all go on. */
inline stopTheWorld() {
	atomic { !worldStopper -> worldStopper = true }
	atomic { !pinned[0] -> stopped[0] = true }
	atomic { !pinned[1] -> stopped[1] = true }
}

inline startTheWorld() { atomic { stopped[0] = false; stopped[1] = false; worldStopper = false } }

inline seize() {
	for (i : 0 .. IDS - 1) {
		if
		:: (chosen & (1 << i)) && !STORED_AFTER -> caches[i] = nobody
		:: else
		fi
	}
#ifndef NO_STOP
	stopTheWorld();
	startTheWorld()
#endif
}

inline changeProcs() { stopTheWorld(); procs = 3 - procs; startTheWorld() }

inline restore(i) {
	if
	:: all[i] -> caches[i] = cacheOf(i)
	:: else
	fi
}

#endif

inline restoreAll() {
	for (i : 0 .. IDS - 1) {
		if
		:: chosen & (1 << i) -> restore(i)
		:: else
		fi
	}
}

/* flush gives what the cache holds to the central. */
inline flush(i) {
	beginUse(i);
	n = slots[i];
	slots[i] = 0;
	atomic { central = central + n }
	endUse(i)
}

/* drain empties the caches that are chosen. The caller has mu. */
inline drain() {
	seize();
	if
	:: STORED_AFTER -> atomic { if :: chosen & 1 -> caches[0] = nobody :: else fi; if :: chosen & 2 -> caches[1] = nobody :: else fi }
	:: RESTORED_EARLY -> restoreAll()
	:: else
	fi;
	for (i : 0 .. IDS - 1) {
		if
		:: chosen & (1 << i) -> flush(i)
		:: else
		fi
	}
	if
	:: !RESTORED_EARLY -> restoreAll()
	:: else
	fi
}

#define made (all[0] + 2 * all[1])

proctype Drainer() {
	byte chosen, i, n;
	bool own;
	lock(DRAIN_LOCK);
	if
	:: chosen = made                                       /* Drain */
	:: chosen = made; chosen = (procs == 1 -> made & 2 : 0) /* sweep: of owners that are gone */
	fi;
	if
	:: chosen -> drain()
	:: else
	fi;
	unlock(DRAIN_LOCK);
	atomic { done++ }
}

/* Close drops the caches, and all that is in them. */
proctype Closer() {
	byte chosen, i, n;
	if
	:: skip
	:: lock(mu);
		chosen = made;
		all[0] = false;
		all[1] = false;
		seize();
		beginUse(0); beginUse(1);
		atomic { central = central + slots[0] + slots[1]; slots[0] = 0; slots[1] = 0 }
		endUse(0); endUse(1);
		restoreAll();
		closed = true;
		unlock(mu)
	fi;
	atomic { done++ }
}

/* join makes a cache for the P that the goroutine is on, or for the first without. */
inline join() {
	if
	:: id = 0
	:: procs > 1 -> id = 1
	fi;
	lock(mu);
	if
	:: closed -> joined = false
	:: else ->
		joined = true;
		if
#ifndef JOIN_BLINDLY
		:: all[id] && !all[0] -> id = 0
		:: all[id] && all[0] && procs > 1 && !all[1] -> id = 1
		:: all[id] && all[0] && (procs == 1 || all[1]) -> id = IDS
#endif
		:: else
		fi;
		if
		:: id < IDS ->
			slots[id] = 0; /* of the new cache */
			all[id] = true;
			caches[id] = cacheOf(id)
		:: else
		fi
	fi;
	unlock(mu)
}

/* use takes a slot out of the cache or puts one in, or takes one of the central's for it. */
inline use() {
	beginUse(id);
	n = slots[id];
	if
	:: n > 0 -> slots[id] = n - 1; atomic { out++ }
	:: atomic { out > 0 -> out-- } slots[id] = n + 1
	:: atomic { central > 0 -> central-- } slots[id] = n + 1
	:: skip
	fi;
	endUse(id)
}

proctype Goroutine() {
	byte id, c, n;
	bool joined;
	do
	:: atomic { calls < CALLS -> calls++ }
		joined = true;
		do
		:: joined ->
			Enter();
			if
			:: c != nobody -> use(); Leave(); break
			:: else -> Leave(); join()
			fi
		:: else -> break /* straight to the central */
		od
	:: break
	od;
	atomic { done++ }
}

/* GOMAXPROCS shrinks and grows with the world stopped. */
proctype Changer() {
	byte i;
	do
	:: i < 2 -> i++; changeProcs()
	:: break
	od;
	atomic { done++ }
}

init {
	atomic {
		run Goroutine(); run Goroutine();
		run Drainer();
#if DRAINERS > 1
		run Drainer();
#endif
#if CLOSERS
		run Closer();
#endif
#if CHANGERS
		run Changer();
#endif
	}
	done == 2 + DRAINERS + CLOSERS + CHANGERS;
	assert(slots[0] + slots[1] + out + central == SLOTS);
	assert(!closed || caches[0] == nobody && caches[1] == nobody);
	assert(closed || caches[0] == all[0] * cacheOf(0) && caches[1] == all[1] * cacheOf(1))
}

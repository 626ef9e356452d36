/*
The life of a slot: mheap/slotstate.go and take.go; mcache's Pop, Push, fill and supply, and what it sets aside;
mcentral's Refill, Stash, Return and Drain; the page map's entry while spans end and begin.

One span of S slots comes and goes, of one class or another. P caches allocate, free, settle, trim and drain, one
goroutine in each; what they free is any slot at any moment, live or not: misuse is part of the model.
A step is one access to memory that others reach without a lock; owner is what must be true beside it, and debt by how
much those who were told that they freed the slot are more than its lives that ended, until settling finds it out.
*/
#ifndef P
#define P 2
#endif
#ifndef NUMBERED
#define NUMBERED P /* caches that own blocks; those of the others are nobody's */
#endif
#ifndef CALLS
#define CALLS 5 /* of all caches */
#endif
#ifndef S
#define S 2
#endif
#ifndef ROOM
#define ROOM 1  /* of a magazine; that of the stash is one slot */
#endif
#ifndef ASIDE
#define ASIDE 2 /* slots that a cache has room for aside */
#endif

#ifdef SPAN_ENDS_MEANWHILE
#define recordAtRest true
#else
#define recordAtRest (looking == 0)
#endif

/* The code takes for granted that when a slot is settled no store to it is on its way. ASIDE_TWICE has only those arrive
   that were on their way when the slot was set aside. */
#if defined(SETTLE_AT_ONCE)
#define arrived true
#elif defined(ASIDE_TWICE)
#define arrived (aside[me].entries[0].waits == 0)
#else
#define arrived (storing[aside[me].entries[0].slot] == 0)
#endif

#define InSpan 0
#define Live   64
#define Held   128
#define Away   191
#define Noted  192
#define LiveOf(i)    (Live + ((i) < NUMBERED -> 1 + (i) : 0))
#ifdef UNTAGGED
#define AwayOf(i)    Away
#else
#define AwayOf(i)    ((i) < NUMBERED -> Held + 1 + (i) : Away)
#endif
#define Owns(i, s)   ((i) < NUMBERED && state[s] == LiveOf(i))
#define Allocated(s) ((state[s] & Live) != 0)
#define IsLive(s)    (Allocated(s) && state[s] < Held)
#define Owned(s)     (IsLive(s) && state[s] != Live)

byte state[S];

/* who has a slot; HAND(i): owner i, on its magazine or on the way */
#define NONE    0 /* the span is not in use */
#define SPAN    1
#define STASH   2
#define CALLER  3
#define AWAY    4
#define HAND(i) (5 + (i))
byte owner[S];
byte debt[S];

/* what caches have aside, the oldest first; waits is the set of caches whose stores had not arrived, for ASIDE_TWICE */
typedef Entry { bit slot; bit class; byte waits }
typedef Slots { Entry entries[ASIDE]; byte count }
Slots aside[P];
byte storing[S]; /* set of the caches that have seen a block to be their own, and are to store */
byte noting;     /* set of the blocks that are to be noted before their callers have them */

/* the page's entry, and the class it names */
bool inUse;
bit class;

/* the central, and the span's counts */
#define noList   0
#define empty    1
#define nonempty 2
bool locked;
bool known;  /* the span is the central's */
bool held;
byte list;
bool spare;
byte taken, returned, cursor;
byte stash;  /* the set of its slots */

byte looking; /* frees between their look at the entry and their store or swap */
byte calls, done;

#define bitOf(s)  (1 << (s))
#define count(m)  (((m) & 1) + ((m) >> 1))
#if S == 1
#define inSpan    (owner[0] == SPAN)
#define all(a, v) a[0] = v
#else
#define inSpan    ((owner[0] == SPAN) + (owner[1] == SPAN))
#define all(a, v) a[0] = v; a[1] = v
#endif
#define lock()    atomic { !locked -> locked = true }
#define unlock()  locked = false
#define spanFree  (S - (taken - returned))

/* place puts the span, which was held or had its first slots back, on its list, or makes it surplus. */
inline place() {
	atomic {
		held = false;
		assert(spanFree == inSpan);
		if
		:: spanFree == 0 -> list = empty
		:: spanFree == S -> list = nonempty; spare = true
		:: spanFree == S -> list = noList; known = false; surplus = true /* another is the spare */
		:: else -> list = nonempty
		fi
	}
}

/* heapFree is the page heap's Free: the entry is cleared. */
inline heapFree() {
	if
	:: surplus ->
		atomic {
			assert(inSpan == S && !known);
			surplus = false; inUse = false;
			all(owner, NONE)
		}
	:: else
	fi
}

/* heapAlloc is the page heap's Alloc, if there are pages: the states are cleared, then the entry stored.
   The record is not used anew under a free that is between its look and its store, swap or PassSlot; see README.md. */
inline heapAlloc() {
	atomic {
		!inUse && !known && owner[0] == NONE && recordAtRest -> known = true; held = true;
		all(owner, SPAN);
		taken = 0; returned = 0; cursor = 0; list = noList; spare = false
	}
	all(state, InSpan);
	atomic {
		if
		:: class = 0
		:: class = 1
		fi
		inUse = true
	}
	holds = true
}

/* give is the central's give of the set slots, under its lock. */
inline give(slots) {
	i = 0;
	do
	:: i < S && (slots & bitOf(i)) ->
		atomic { assert(owner[i] == HAND(me) && inUse); state[i] = InSpan; owner[i] = SPAN }
		tmp = returned;
		returned = tmp + 1;
		i++
	:: i < S && !(slots & bitOf(i)) -> i++
	:: i == S -> break
	od;
#ifdef END_HELD
	if
	:: !known || list == nonempty && spanFree < S
#else
	if
	:: held || list == nonempty && spanFree < S
#endif
	:: else -> place()
	fi
}

inline Return(slots) {
#ifndef RETURN_UNLOCKED
	lock();
#endif
	give(slots);
#ifndef RETURN_UNLOCKED
	unlock();
#endif
	heapFree()
}

/* Stash gives the set slots to the stash if it has room, else to the span. */
inline Stash(slots) {
	lock();
	if
	:: stash == 0 && count(slots) == 1 ->
		atomic {
			stash = slots;
			owner[slots >> 1] = STASH
		}
		unlock()
	:: unlock(); Return(slots) /* it may be full, of other spans' slots */
	fi
}

/* unstash takes what is in the stash into the hand. The caller has the lock. */
inline unstash(slots) {
	atomic {
		slots = stash; stash = 0;
		if
		:: slots -> assert(owner[slots >> 1] == STASH); owner[slots >> 1] = HAND(me)
		:: else
		fi
	}
}

inline pick() {
	atomic {
		if
		:: list == nonempty -> list = noList; spare = false; held = true; cursor = 0; holds = true
		:: else
		fi
	}
}

/* Refill gives the span back that is used up, and takes a slot of the stash, or a span. */
inline Refill() {
	lock();
	if
	:: holds -> holds = false; place()
	:: else
	fi;
	unstash(mag);
	if
	:: mag == 0 -> pick()
	:: else
	fi;
	unlock();
	heapFree();
	if
	:: mag == 0 && !holds ->
		if
		:: heapAlloc()
		:: refused = true
		fi
	:: else
	fi
}

/* Take moves a slot of the span, which this owner holds, to the magazine, which is empty. */
inline Take() {
	do
	:: cursor < S && state[cursor] < Live ->
		atomic { assert(owner[cursor] == SPAN && held); state[cursor] = Held; owner[cursor] = HAND(me) }
		mag = bitOf(cursor);
		cursor++;
		taken++;
		break
	:: cursor < S && state[cursor] >= Live -> cursor++
	:: cursor == S -> break
	od
}

/* NoteSlot makes the slot Noted, unless it was freed by who frees the block twice that lay there before. Whoever
   allocated the block is in no cache any longer. */
inline NoteSlot(x) {
#ifdef NOTE_BY_STORE
	atomic { assert(owner[x] == CALLER); state[x] = Noted; noting = noting & ~bitOf(x) }
#else
	atomic {
		if
#ifdef NOTED_OWNED
		:: IsLive(x) ->
#else
		:: state[x] == Live ->
#endif
			assert(owner[x] == CALLER); state[x] = Noted
		:: else
		fi;
		noting = noting & ~bitOf(x)
	}
#endif
}

/* stored is the end of a store of this cache's to the slot x. */
inline stored(x) {
	storing[x] = storing[x] & ~bitOf(me);
#ifdef ASIDE_TWICE
	i = 0;
	do
	:: i < P * ASIDE ->
		if
		:: aside[i / ASIDE].entries[i % ASIDE].slot == x ->
			aside[i / ASIDE].entries[i % ASIDE].waits = aside[i / ASIDE].entries[i % ASIDE].waits & ~bitOf(me)
		:: else
		fi;
		i++
	:: else -> break
	od;
	i = 0
#endif
}

/* disown makes the block in the slot x nobody's, which is to be noted. If a swap came in between, the block is live all
   the same. */
inline disown(x) {
	atomic {
#ifndef NOTED_OWNED
		if
		:: owner[x] == CALLER
		:: else -> assert(owner[x] == AWAY); debt[x]++
		fi;
		state[x] = Live; owner[x] = CALLER;
#endif
		noting = noting | bitOf(x);
		stored(x)
	}
}

inline Pop() {
	s = mag >> 1;
	if
	:: mag == 3 -> s = 0
	:: mag == 3 -> s = 1
	:: mag != 3
	fi;
	mag = mag & ~bitOf(s);
	atomic {
		assert(owner[s] == HAND(me) && inUse); state[s] = LiveOf(me); owner[s] = CALLER;
#ifdef NOTES
		if
		:: !(noting & bitOf(s)) -> noted = true; storing[s] = storing[s] | bitOf(me)
		:: noted = false
		fi
#endif
	}
#ifdef NOTES
	if
	:: noted && me < NUMBERED -> disown(s)
	:: noted && me >= NUMBERED -> atomic { noting = noting | bitOf(s); stored(s) }
	:: else
	fi
#endif
}

inline Alloc() {
	refused = false;
	do
	:: mag != 0 -> Pop(); break
	:: mag == 0 && refused -> break
	:: mag == 0 && !refused ->
		if
		:: holds -> Take()
		:: else
		fi;
		if
		:: mag == 0 -> Refill()
		:: else
		fi
	od
}

/* look reads the entry, and the state of the slot x; good tells whether it is allocated, mine whether it is the cache's
   own, and goes to its magazine; was is the state if no cache owns the block. */
inline look(x) {
	good = false; mine = false; was = 0;
	atomic { looking++; seen = class; good = inUse }
	if
	:: good ->
		atomic {
			assert(Allocated(x) == (owner[x] == CALLER));
			good = Allocated(x);
			was = (good && !Owned(x) -> state[x] : 0);
			mine = Owns(me, x) && count(mag) < ROOM;
			if
			:: mine -> storing[x] = storing[x] | bitOf(me)
			:: else
			fi
		}
	:: else
	fi
}

/* Push frees the cache's own block. If another's swap came in between, this cache has the slot all the same. */
inline Push(x) {
	atomic {
#ifdef NOTES
		assert(state[x] != Noted); /* or its note would stay */
#endif
		if
		:: owner[x] == CALLER -> assert(inUse && class == seen)
		:: else -> assert(owner[x] == AWAY); debt[x]++
		fi;
		state[x] = Held; owner[x] = HAND(me);
		stored(x);
		looking--
	}
	mag = mag | bitOf(x)
}

inline PutAside(x) {
	aside[me].entries[aside[me].count].slot = x;
	aside[me].entries[aside[me].count].class = seen;
#ifdef ASIDE_TWICE
	aside[me].entries[aside[me].count].waits = storing[x];
#endif
	aside[me].count++
}

/* PassSlot sets the slot aside that FreeSlot made Away, unless the block was freed by two. */
inline PassSlot(x) {
	atomic {
		mine = false;
		if
#ifdef PASS_BY_STORE
		:: true ->
#else
		:: state[x] == Away ->
#endif
			assert(owner[x] == AWAY); state[x] = AwayOf(me); PutAside(x)
#ifndef PASS_BY_STORE
		:: else -> assert(debt[x] > 0); debt[x]--
#endif
		fi;
#ifndef SPAN_ENDS_PASSING
		looking--
#endif
	}
}

/* FreeSlot sets the slot aside at once, or makes it Away, for PassSlot to set it aside. */
inline FreeSlot(x) {
#ifdef FREE_BY_STORE_OF_OTHERS
	good = IsLive(x);
#endif
	atomic {
#ifndef FREE_BY_STORE_OF_OTHERS
		good = IsLive(x);
#endif
		mine = false;
		if
		:: good ->
			assert(owner[x] == CALLER && inUse && class == seen);
			owner[x] = AWAY;
			if
			:: state[x] = AwayOf(me); PutAside(x); looking--
			:: was == 0 ->
#ifdef SPAN_ENDS_PASSING
				looking--;
#endif
				state[x] = Away; mine = true
			fi
		:: else -> assert(owner[x] != CALLER || state[x] >= Noted); looking--
		fi
	}
	if
	:: mine -> PassSlot(x)
	:: else
	fi
}

/* FreeExactly frees a block that no cache owns. Nobody stores to its state, so nothing has to wait. */
inline FreeExactly(x) {
	atomic {
		good = (state[x] == was);
		if
		:: good -> assert(owner[x] == CALLER && inUse && class == seen); state[x] = Held; owner[x] = HAND(me)
		:: else
		fi;
		looking--
	}
	if
	:: good -> makeRoom(); mag = mag | bitOf(x)
	:: else
	fi
}

/* makeRoom gives what the magazine has to the central if it is full. */
inline makeRoom() {
	if
	:: count(mag) == ROOM -> slots = mag; mag = 0; Stash(slots)
	:: else
	fi
}

/* Settle puts the slot that waits for the longest time on the magazine, unless it is found to be freed by two. */
inline Settle() {
	atomic {
		arrived -> x = aside[me].entries[0].slot;
#ifdef NO_LOOK_AT_ENTRY
		good = true
#else
		good = (inUse && class == aside[me].entries[0].class)
#endif
	}
#ifndef NO_LOOK_AT_SETTLE
	atomic { good = (good && state[x] == AwayOf(me)) }
#endif
	atomic {
		if
		:: good ->
			assert(owner[x] == AWAY && inUse && class == aside[me].entries[0].class);
			state[x] = Held; owner[x] = HAND(me)
		:: else -> assert(debt[x] > 0); debt[x]--
		fi;
		aside[me].count--;
		i = 0;
		do
		:: i < aside[me].count ->
			aside[me].entries[i].slot = aside[me].entries[i + 1].slot;
			aside[me].entries[i].class = aside[me].entries[i + 1].class;
			aside[me].entries[i].waits = aside[me].entries[i + 1].waits;
			i++
		:: else -> break
		od;
		aside[me].entries[i].slot = 0; aside[me].entries[i].class = 0; aside[me].entries[i].waits = 0;
		i = 0
	}
	if
	:: good -> makeRoom(); mag = mag | bitOf(x)
	:: else
	fi
}

/* Disown makes the cache's own block, for which it has no room, or whose size is to change, nobody's, and frees it. If
   another's swap came in between, the block is live all the same. */
inline Disown(x) {
	atomic {
		if
		:: owner[x] == CALLER -> assert(inUse && class == seen)
		:: else -> assert(owner[x] == AWAY); debt[x]++
		fi;
		state[x] = Live; owner[x] = CALLER;
		stored(x);
		was = Live
	}
	FreeExactly(x)
}

inline Free() {
	any(x);
	look(x);
	if
	:: !good -> atomic { looking-- }
	:: good && mine -> Push(x)
#ifdef LARGE
	:: good && mine -> Disown(x)
#endif
#ifdef DISOWN_OTHERS
	:: good && !mine && was == 0 -> Disown(x)
#endif
	:: good && !mine && was < Noted -> FreeSlot(x)
	:: good && !mine && was != 0 -> FreeExactly(x)
	fi
}

/* trim gives back what waits, what the magazine has, and the span. */
inline trim() {
	do
	:: aside[me].count > 0 -> Settle()
	:: aside[me].count == 0 -> break
	od;
	if
	:: mag != 0 -> slots = mag; mag = 0; Return(slots)
	:: else
	fi;
	if
	:: holds ->
		lock();
		holds = false;
		place();
		unlock();
		heapFree()
	:: else
	fi
}

/* Drain is the central's: the stash to the span, the spare to the page heap. */
inline Drain() {
	lock();
	unstash(slots);
	if
	:: slots != 0 -> give(slots)
	:: else
	fi;
	unlock();
	heapFree();
	lock();
	atomic {
		if
		:: spare -> spare = false; list = noList; known = false; surplus = true
		:: else
		fi
	}
	unlock();
	heapFree()
}

inline any(x) {
	if
	:: x = 0
#if S > 1
	:: x = 1
#endif
	fi
}

proctype Owner(byte me) {
	byte mag, slots, s, x, i, tmp;
	byte was;
	bool holds, surplus, refused, good, mine;
#ifdef NOTES
	bool noted;
#endif
	bit seen;
	do
	:: atomic { calls < CALLS -> calls++ }
		if
		:: Alloc()
		:: aside[me].count < ASIDE -> Free()
		:: aside[me].count > 0 -> Settle()
		:: true -> trim()
#if ROOM == 1
		:: Drain()
#endif
		fi
#ifdef NOTES
	:: noting & 1 -> NoteSlot(0)
	:: noting & 2 -> NoteSlot(1)
#endif
	:: noting == 0 -> break
	od;
	trim();
	atomic { done++ }
}

init {
	byte me = P, slots, i, tmp;
	bool surplus;
	atomic {
		i = 0;
		do
		:: i < P -> run Owner(i); i++
		:: i == P -> break
		od;
		i = 0
	}
	done == P;
	Drain();
	assert(stash == 0 && !held && !locked);
	assert(inUse == known);
	i = 0;
	do
	:: i < S ->
		assert(debt[i] == 0);
		assert(!inUse || owner[i] == SPAN && state[i] < Live || owner[i] == CALLER && Allocated(i));
		i++
	:: i == S -> break
	od;
	assert(!inUse || spanFree == inSpan);
	assert(!inUse || list == (spanFree == 0 -> empty : nonempty))
}

/*
The life of a slot: mheap/slotstate.go, take.go and freeslots.go; mcache's Pop, Push, fill and supply;
mcentral's Refill, Stash, Return, Unstash and Drain; the page map's entry while spans end and begin.

One span of S slots comes and goes, of one class or another. P owners allocate, free one block or a batch,
trim and drain; what they free is any slot at any moment, live or not: misuse is part of the model.
A step is one access to memory that others reach without a lock; owner is what must be true beside it.
*/
#ifndef P
#define P 2
#endif
#ifndef CALLS
#define CALLS 5 /* of all owners */
#endif
#ifndef ROOM
#define ROOM 1  /* of a magazine; that of the stash is one slot */
#endif
#define S 2

#ifdef SPAN_ENDS_MEANWHILE
#define recordAtRest true
#else
#define recordAtRest (looking == 0)
#endif

#define InSpan 0
#define Live   64
#define Held   65
#define Noted  192
#define Allocated(s) (state[s] == Live || state[s] >= Noted)

byte state[S];

/* who has a slot; HAND(i): owner i, on its magazine or on the way */
#define NONE    0 /* the span is not in use */
#define SPAN    1
#define STASH   2
#define CALLER  3
#define HAND(i) (4 + (i))
byte owner[S];

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

byte looking; /* frees between their look at the entry and their add */
byte calls, done;

#define bitOf(s)  (1 << (s))
#define count(m)  (((m) & 1) + ((m) >> 1))
#define lock()    atomic { !locked -> locked = true }
#define unlock()  locked = false
#define spanFree  (S - (taken - returned))

/* place puts the span, which was held or had its first slots back, on its list, or makes it surplus. */
inline place() {
	atomic {
		held = false;
		assert(spanFree == (owner[0] == SPAN) + (owner[1] == SPAN));
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
			assert(owner[0] == SPAN && owner[1] == SPAN && !known);
			surplus = false; inUse = false;
			owner[0] = NONE; owner[1] = NONE
		}
	:: else
	fi
}

/* heapAlloc is the page heap's Alloc, if there are pages: the states are cleared, then the entry stored.
   The record is not used anew under a free that is between its look and its add; see README.md. */
inline heapAlloc() {
	atomic {
		!inUse && !known && owner[0] == NONE && owner[1] == NONE && recordAtRest -> known = true; held = true;
		owner[0] = SPAN; owner[1] = SPAN;
		taken = 0; returned = 0; cursor = 0; list = noList; spare = false
	}
	state[0] = InSpan;
	state[1] = InSpan;
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
			if
			:: slots == 1 -> owner[0] = STASH
			:: else -> owner[1] = STASH
			fi
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

/* NoteSlot makes the slot Noted, unless a free that came too late for the life before has ended this one. */
inline NoteSlot(x) {
#ifdef NOTE_BY_STORE
	atomic { assert(owner[x] == CALLER); state[x] = Noted }
#else
	atomic {
		if
		:: state[x] == Live -> assert(owner[x] == CALLER); state[x] = Noted
		:: else
		fi
	}
#endif
}

inline Pop() {
	if
	:: mag & 1 -> s = 0
	:: mag & 2 -> s = 1
	fi;
	mag = mag & ~bitOf(s);
	atomic { assert(owner[s] == HAND(me) && inUse); state[s] = Live; owner[s] = CALLER }
#ifdef NOTES
	if
	:: NoteSlot(s)
	:: skip
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

/* look reads the entry, and the state of the slot x; good tells whether it is allocated. */
inline look(x) {
	good = false;
	atomic { looking++; seen = class; good = inUse }
	if
	:: good ->
		atomic {
			assert(Allocated(x) == (owner[x] == CALLER));
			good = Allocated(x);
			noted = (state[x] >= Noted)
		}
	:: else
	fi
}

/* won is what must be true of who sees the state go from Live to Held, and of who does not. */
inline ended(x) {
	if
	:: good -> assert(owner[x] == CALLER && inUse && class == seen); owner[x] = HAND(me)
	:: else -> assert(owner[x] != CALLER || noted != (state[x] >= Noted))
	fi
}

inline FreeSlot(x) {
#ifdef FREE_BY_STORE
	good = (state[x] == Live);
	atomic {
		if
		:: good -> state[x] = Held
		:: else
		fi;
		ended(x);
		looking--
	}
#else
	atomic { state[x] = state[x] + 1; good = (state[x] == Held); ended(x); looking-- }
#endif
}

inline FreeNoted(x) {
	atomic {
		good = (state[x] >= Noted);
		if
		:: good -> state[x] = Held
		:: else
		fi;
		ended(x);
		looking--
	}
}

inline Free(x) {
	look(x);
	if
	:: !good -> atomic { looking-- }
	:: good && !noted -> FreeSlot(x)
#ifdef NOTES
	:: good && noted -> FreeNoted(x)
#endif
	fi;
	if
	:: good && count(mag) < ROOM -> mag = mag | bitOf(x)
	:: good && count(mag) == ROOM -> slots = mag; mag = bitOf(x); Stash(slots)
	:: else
	fi
}

/* FreeBatch frees both slots, x first, by one add: FreeSlots. */
inline FreeBatch(x, y) {
	look(x);
	if
	:: good && !noted ->
		atomic { looking-- }
		look(y);
		if
		:: good && !noted ->
			atomic {
				state[x] = state[x] + 1;
				state[y] = state[y] + 1;
				wonY = (state[y] == Held);
				good = wonY;
				ended(y);
				good = (state[x] == Held);
				ended(x);
				looking--
			}
			if
			:: good -> mag = mag | bitOf(x)
			:: else
			fi;
			if
			:: good && wonY -> mag = mag | bitOf(y)
			:: !good && wonY ->
#ifdef GROUP_KEEPS
				skip
#else
				atomic { assert(owner[y] == HAND(me)); state[y] = Live; owner[y] = CALLER }
#endif
			:: !wonY
			fi
		:: else -> atomic { looking-- }
		fi
	:: else -> atomic { looking-- }
	fi
}

/* trim gives back what the magazine has, and the span. */
inline trim() {
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
	:: x = 1
	fi
}

proctype Owner(byte me) {
	byte mag, slots, s, x, y, i, tmp;
	bool holds, surplus, refused, good, wonY, noted;
	bit seen;
	do
	:: atomic { calls < CALLS -> calls++ }
		if
		:: Alloc()
		:: any(x); Free(x)
#if ROOM > 1
		:: mag == 0 -> any(x); y = 1 - x; FreeBatch(x, y)
#else
		:: Drain()
#endif
		:: trim()
		fi
	:: break
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
	assert(!inUse || owner[0] == SPAN && state[0] < Live || owner[0] == CALLER && Allocated(0));
	assert(!inUse || owner[1] == SPAN && state[1] < Live || owner[1] == CALLER && Allocated(1));
	assert(!inUse || spanFree == (owner[0] == SPAN) + (owner[1] == SPAN));
	assert(!inUse || list == (spanFree == 0 -> empty : nonempty))
}

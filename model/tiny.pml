/*
The life of a tiny slot: mheap/tinystate.go with mcache/tiny.go.

One owner shares a slot out and closes it, LIVES times; FREERS free any of its two blocks at any moment,
FREES times each, live or not. A step is one access to the word: plain stores of a byte by who shares the slot
out, compare-and-swaps of all four bytes by the others. blocks, ended and others are what must be true
beside it.
*/
#ifndef FREERS
#define FREERS 2
#endif
#ifndef FREES
#define FREES 2
#endif
#ifndef LIVES
#define LIVES 2
#endif

#ifdef SPAN_ENDS_MEANWHILE
#define recordAtRest true
#else
#define recordAtRest (looking == 0)
#endif

#ifdef FREE_BY_STORE
#define CAS_IS_STORE true
#else
#define CAS_IS_STORE false
#endif

#define InSpan 0
#define Live   64
#define Held   128
#define grain(b) (1 << (6 * (b))) /* of blocks at the offsets 0 and 12 */

byte first = Held, allocated, freed, closed; /* the word's bytes */

byte blocks;  /* set of the blocks that callers have */
bool ended;   /* the slot is its last freer's, or its closer's */
bool back;    /* it lies in a magazine, a stash or its span */
bool others;  /* its span has ended, and its word is the states of four slots of another's */
byte looking; /* frees between their look at the entry and their compare-and-swap */
byte done;

/* end is what FreeTiny's and CloseTiny's caller does who owns the slot: FreeExactly, from Live to Held, or a store of Held. */
inline end() {
	atomic { assert(!ended && blocks == 0 && closed == 1); ended = true }
	if
	:: atomic { assert(first == Live); first = Held }
	:: first = Held
	fi;
	back = true
}

#define same(x)    (first == x##First && allocated == x##Allocated && freed == x##Freed && closed == x##Closed)
#define load(x)    d_step { x##First = first; x##Allocated = allocated; x##Freed = freed; x##Closed = closed }
#define last(x)    (x##Freed == x##Allocated && x##Closed == 1)

inline OpenTiny() {
	atomic {
		assert(!others);
		first = Live; allocated = 0; freed = 0; closed = 0;
		ended = false; back = false
	}
}

inline AllocTiny(b) {
	load(old);
	atomic {
		assert(!ended);
#ifdef ALLOC_BY_WORD
		first = oldFirst; freed = oldFreed; closed = oldClosed;
#endif
		allocated = oldAllocated | grain(b);
		blocks = blocks | grain(b)
	}
}

inline CloseTiny() {
	do
	:: load(old);
#ifdef CLOSE_BY_STORE
		closed = 1; oldClosed = 1; made = true;
#else
		atomic {
			made = same(old);
			if
			:: made -> closed = 1; oldClosed = 1
			:: else
			fi
		}
#endif
		if
		:: made -> break
		:: else
		fi
	od;
	if
	:: last(old) -> end()
	:: else
	fi
}

/* FreeTiny frees the block b; live tells whether it was the one who did. */
inline FreeTiny(b) {
	atomic { looking++; live = !others }
	do
	:: live ->
		atomic {
			load(old);
			live = (oldFirst == Live && (oldAllocated & ~oldFreed & grain(b)));
			assert(others || live == ((blocks & grain(b)) != 0))
		}
		if
		:: live ->
			atomic {
				made = same(old) || CAS_IS_STORE;
				if
				:: made ->
					assert(!others && (blocks & grain(b)));
					oldFreed = oldFreed | grain(b);
					freed = oldFreed;
					blocks = blocks & ~grain(b)
				:: else
				fi
			}
			if
			:: made -> break
			:: else
			fi
		:: else
		fi
	:: else -> break
	od;
	atomic { looking-- }
}

proctype Freer() {
	byte i, b, oldFirst, oldAllocated, oldFreed, oldClosed;
	bool live, made;
	do
	:: i < FREES ->
		i++;
		if
		:: b = 0
		:: b = 1
		fi;
		FreeTiny(b);
		if
		:: live ->
#ifdef LAST_BY_LOOK
			load(old);
#endif
			if
			:: last(old) -> end()
			:: else
			fi
		:: else
		fi
	:: else -> break
	od;
	atomic { done++ }
}

/* another has the memory of the slot's word come and go as the states of four slots, the first two Live. */
inline another() {
	atomic { recordAtRest -> others = true; first = Live; allocated = Live; freed = InSpan; closed = Held }
	atomic { recordAtRest -> others = false; first = Held }
}

proctype Sharer() {
	byte life, oldFirst, oldAllocated, oldFreed, oldClosed;
	bool made;
	do
	:: life < LIVES ->
		life++;
		OpenTiny();
		if
		:: AllocTiny(1)
		:: skip
		fi;
		if
		:: AllocTiny(0)
		:: skip
		fi;
		CloseTiny();
		if
		:: back
		:: done == FREERS && !back -> break
		fi;
		if
		:: another()
		:: skip
		fi
	:: else -> break
	od;
	done == FREERS;
	assert(ended == back);
	assert(ended == (blocks == 0));
	assert(ended == (first == Held))
}

init {
	byte i;
	atomic {
		run Sharer();
		do
		:: i < FREERS -> run Freer(); i++
		:: else -> break
		od
	}
}

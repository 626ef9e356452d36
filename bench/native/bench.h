// The patterns of package pattern in C, to be run on whatever malloc the process has. What is shared by
// the files: the allocator's calls, random numbers, sizes, threads, ways to wait, tables of slots. The
// reasons for all of it stand in the Go files; what is changed here is changed there.
#ifndef BENCH_H
#define BENCH_H

#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The allocator. ZEROED and EMPTY are set by the compiler's command line; blocks of the empty one are
// all the same.
#if defined(EMPTY)
void *empty_get(size_t n);
void empty_put(void *block);
#define get empty_get
#define put empty_put
#elif defined(ZEROED)
static inline void *get(size_t n) { return calloc(1, n); }
#define put free
#else
#define get malloc
#define put free
#endif

typedef char *block;

static inline void touch(block b) { *(volatile char *)b = 1; }

void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

// table returns n zeroed bytes that are not the allocator's.
void *table(size_t n);

// Random numbers and sizes.
static inline uint64_t seed(int i) { return 0x9e3779b97f4a7c15u * (uint64_t)(i + 1); }
static inline uint64_t next_random(uint64_t r) {
  r ^= r << 13;
  r ^= r >> 7;
  return r ^ r << 17;
}
static inline size_t pick(uint64_t r, size_t n) { return (size_t)((r >> 32) * n >> 32); }

enum { size_count = 4096 };
typedef uint16_t sizes[size_count];

static inline size_t draw(const uint16_t *s, uint64_t r) { return s[r % size_count]; }
void constant_sizes(sizes s, int size);
void uniform_sizes(sizes s, double low, double high);
void log_uniform_sizes(sizes s, double low, double high);
void pareto_sizes(sizes s, double low, double high);
void shuffle(uint16_t *order, size_t n);

// Threads and waiting.
void together(int procs, void (*part)(int i));
void inherit(void (*life)(int i), int i);
void again(int *looks);

typedef struct { unsigned parties; atomic_uint come, opened; } barrier;
void meet(barrier *b);

enum { group_blocks = 256 };
typedef struct { size_t n; block blocks[group_blocks]; } group;

typedef struct { size_t places; _Atomic(group *) *place; } exchange;
void exchange_prepare(exchange *x, int procs);
group *exchange_swap(exchange *x, size_t turn, group *g);
void exchange_close(exchange *x);

// Groups of blocks.
static inline void fill(block *blocks, size_t n, size_t size) {
  for (size_t i = 0; i < n; i++) {
    block b = get(size);
    touch(b);
    blocks[i] = b;
  }
}
static inline void drain(block *blocks, size_t n) {
  for (size_t i = 0; i < n; i++) put(blocks[i]);
}

// One thread's table of blocks.
typedef struct { block *blocks; size_t n; uint64_t random; char apart[64]; } slots;
void slots_prepare(slots *t, size_t n, int i, const uint16_t *s);
void churn(slots *t, size_t n, const uint16_t *s);
void slots_drain(slots *t); // empty slots allowed

// A pattern. run makes at least n operations on each thread and returns how many it made.
typedef struct {
  const char *name;
  int sized, group;
  size_t quantum;
  void (*prepare)(size_t size, int procs);
  size_t (*run)(size_t n);
  void (*close)(void);
} pattern;

extern const pattern local_patterns[], shared_patterns[]; // both end with a name of 0

int replay(const char *file, double about_ns);
int retention(size_t blocks, size_t percent, double wait_ns);
long status(const char *key); // bytes that /proc/self/status has for it, or 0
double now_ns(void);

#endif

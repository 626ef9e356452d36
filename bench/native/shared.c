// Patterns whose blocks change hands in groups or one by one.
#include "bench.h"

static int procs;
static size_t size, wanted; // wanted is how many groups, turns or lives each thread is to make
static sizes the_sizes;
static exchange meeting;
static group **groups; // of each thread, empty between two turns
static size_t *turns;  // of each thread

static size_t in_groups(size_t n) { return (n + group_blocks - 1) / group_blocks; }

static void meeting_prepare(int p) {
  exchange_prepare(&meeting, procs = p);
  groups = table((size_t)p * sizeof *groups);
  turns = table((size_t)p * sizeof *turns);
  for (int i = 0; i < p; i++) groups[i] = table(sizeof **groups);
}

// producer-consumer
enum { pipe_groups = 16 };
typedef struct {
  atomic_size_t written;
  char apart[64];
  atomic_size_t read;
  char apart_too[64];
  block groups[pipe_groups][group_blocks];
} channel;
static channel *pipes;

static void pipes_prepare(size_t s, int p) {
  size = s, procs = p;
  pipes = table((size_t)p / 2 * sizeof *pipes);
}
static void pipe_write(channel *c) {
  for (size_t end = atomic_load(&c->written) + wanted; atomic_load(&c->written) < end; atomic_fetch_add(&c->written, 1)) {
    size_t next = atomic_load(&c->written);
    for (int looks = 0; next - atomic_load(&c->read) == pipe_groups;) again(&looks);
    fill(c->groups[next % pipe_groups], group_blocks, size);
  }
}
static void pipe_drain(channel *c) {
  for (size_t end = atomic_load(&c->read) + wanted; atomic_load(&c->read) < end; atomic_fetch_add(&c->read, 1)) {
    size_t next = atomic_load(&c->read);
    for (int looks = 0; next == atomic_load(&c->written);) again(&looks);
    block *blocks = c->groups[next % pipe_groups];
    for (int k = 0; k < group_blocks; k++)
      if (*blocks[k] != 1) die("the consumer does not find what the producer wrote");
    drain(blocks, group_blocks);
  }
}
static void pipe_part(int i) {
  if (i % 2) pipe_drain(&pipes[i / 2]);
  else pipe_write(&pipes[i / 2]);
}
static size_t pipes_run(size_t n) {
  wanted = in_groups(n);
  together(procs, pipe_part);
  return wanted * group_blocks;
}
static void nothing(void) {}

// xmalloc-test
enum { xmalloc_groups = 64 };
typedef struct { group *groups[xmalloc_groups]; int n; } stack;
static stack full, empty;
static long left;
static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;

static void xmalloc_prepare(size_t s, int p) {
  size = s, procs = p;
  group *g = table(xmalloc_groups * sizeof *g);
  for (int i = 0; i < xmalloc_groups; i++) empty.groups[empty.n++] = &g[i];
}
static void push(stack *to, group *g) {
  pthread_mutex_lock(&mu);
  to->groups[to->n++] = g;
  pthread_mutex_unlock(&mu);
  pthread_cond_broadcast(&moved);
}
static group *pop(stack *from) {
  pthread_mutex_lock(&mu);
  while (!from->n) pthread_cond_wait(&moved, &mu);
  group *g = from->groups[--from->n];
  pthread_mutex_unlock(&mu);
  return g;
}
static int one_left(void) {
  pthread_mutex_lock(&mu);
  int more = left-- > 0;
  pthread_mutex_unlock(&mu);
  return more;
}
static void xmalloc_part(int i) {
  if (i % 2) {
    while (one_left()) {
      group *g = pop(&full);
      drain(g->blocks, group_blocks);
      push(&empty, g);
    }
    return;
  }
  for (size_t k = 0; k < wanted; k++) {
    group *g = pop(&empty);
    fill(g->blocks, group_blocks, size);
    push(&full, g);
  }
}
static size_t xmalloc_run(size_t n) {
  wanted = in_groups(n);
  left = (long)wanted * procs / 2;
  together(procs, xmalloc_part);
  return wanted * group_blocks;
}

// sh6bench and sh8bench
typedef struct { block blocks[2 * group_blocks]; size_t turn; uint64_t random; } window;
static window *windows;

static void gather(window *t, block *places, size_t n) {
  uint64_t r = t->random;
  for (size_t i = 0; i < n; i++) {
    r = next_random(r);
    block b = get(draw(the_sizes, r));
    touch(b);
    places[i] = b;
  }
  t->random = r;
}
static void drain_backward(block *blocks, size_t n) {
  while (n) put(blocks[--n]);
}
static void windows_prepare(int p) {
  procs = p;
  log_uniform_sizes(the_sizes, 1, 1000);
  windows = table((size_t)p * sizeof *windows);
  for (int i = 0; i < p; i++) windows[i].random = seed(i);
}
static void sh6_prepare(size_t s, int p) {
  (void)s;
  windows_prepare(p);
  for (int i = 0; i < p; i++) gather(&windows[i], windows[i].blocks, group_blocks);
}
static void sh6_part(int i) {
  window *t = &windows[i];
  for (size_t k = 0; k < wanted; k++) {
    gather(t, t->blocks + group_blocks, group_blocks);
    if (++t->turn % 2 == 0) {
      drain_backward(t->blocks + group_blocks, group_blocks);
      continue;
    }
    drain(t->blocks, group_blocks);
    memcpy(t->blocks, t->blocks + group_blocks, group_blocks * sizeof(block));
  }
}
static size_t sh6_run(size_t n) {
  wanted = in_groups(n);
  together(procs, sh6_part);
  return wanted * group_blocks;
}
static void sh6_close(void) {
  for (int i = 0; i < procs; i++) drain(windows[i].blocks, group_blocks);
}
static void sh8_prepare(size_t s, int p) {
  (void)s;
  windows_prepare(p);
  meeting_prepare(p);
}
static void sh8_part(int i) {
  window *t = &windows[i];
  group *g = groups[i];
  for (size_t k = 0; k < wanted; k++) {
    gather(t, g->blocks, g->n = group_blocks);
    g = exchange_swap(&meeting, ++t->turn, g);
    if (t->turn % 2 == 0) drain_backward(g->blocks, g->n);
    else drain(g->blocks, g->n);
  }
  groups[i] = g;
}
static size_t sh8_run(size_t n) {
  wanted = in_groups(n);
  together(procs, sh8_part);
  return wanted * group_blocks;
}
static void sh8_close(void) { exchange_close(&meeting); }

// mstress
enum { mstress_slots = 1000, mstress_shared = 1000, mstress_life = 50000 };
typedef struct { atomic_uint taken; block block; } transfer;
static transfer transfers[mstress_shared];
static slots *tables;

static block transfer_swap(transfer *t, block b) {
  int looks = 0;
  for (unsigned none = 0; !atomic_compare_exchange_strong(&t->taken, &none, 1); none = 0) again(&looks);
  block was = t->block;
  t->block = b;
  atomic_store(&t->taken, 0);
  return was;
}
static void mstress_prepare(size_t s, int p) {
  (void)s;
  procs = p;
  pareto_sizes(the_sizes, 16, 8192);
  tables = table((size_t)p * sizeof *tables);
  for (int i = 0; i < p; i++) tables[i] = (slots){table(mstress_slots * sizeof(block)), mstress_slots, seed(i), {0}};
}
static void stress(int i) {
  block *blocks = tables[i].blocks;
  uint64_t r = tables[i].random;
  for (int n = 0; n < mstress_life; n++) {
    r = next_random(r);
    size_t k = pick(r, mstress_slots);
    unsigned step = r >> 12 & 3;
    if (step == 3) {
      blocks[k] = transfer_swap(&transfers[(r >> 14) % mstress_shared], blocks[k]);
      continue;
    }
    if (blocks[k]) {
      put(blocks[k]);
      blocks[k] = 0;
    }
    if (step == 2) continue;
    block b = get(draw(the_sizes, r));
    touch(b);
    blocks[k] = b;
  }
  tables[i].random = r;
  slots_drain(&tables[i]);
}
static void mstress_part(int i) {
  for (size_t k = 0; k < wanted; k++) inherit(stress, i);
}
static size_t mstress_run(size_t n) {
  wanted = (n + mstress_life - 1) / mstress_life;
  together(procs, mstress_part);
  return wanted * mstress_life;
}
static void mstress_close(void) {
  for (int i = 0; i < mstress_shared; i++) put(transfer_swap(&transfers[i], 0));
}

// rptest
enum { rptest_slots = 1000, rptest_length = 100, rptest_stride = 7 };
static void rptest_prepare(size_t s, int p) {
  (void)s;
  log_uniform_sizes(the_sizes, 16, 16000);
  meeting_prepare(p);
  tables = table((size_t)p * sizeof *tables);
  for (int i = 0; i < p; i++) slots_prepare(&tables[i], rptest_slots, i, the_sizes);
}
static size_t rptest_slot(size_t start, size_t j) { return (start + j * rptest_stride) % rptest_slots; }
static void rptest_part(int i) {
  slots *t = &tables[i];
  group *g = groups[i];
  for (size_t k = 0; k < wanted; k++) {
    t->random = next_random(t->random);
    size_t start = pick(t->random, rptest_slots);
    if (++turns[i] % 2 == 0) {
      for (size_t j = 0; j < rptest_length; j++) g->blocks[j] = t->blocks[rptest_slot(start, j)];
      g->n = rptest_length;
      g = exchange_swap(&meeting, turns[i] / 2, g);
      drain(g->blocks, g->n);
    } else {
      for (size_t j = 0; j < rptest_length; j++) put(t->blocks[rptest_slot(start, j)]);
    }
    for (size_t j = 0; j < rptest_length; j++) {
      t->random = next_random(t->random);
      block b = get(draw(the_sizes, t->random));
      touch(b);
      t->blocks[rptest_slot(start, j)] = b;
    }
  }
  groups[i] = g;
}
static size_t rptest_run(size_t n) {
  wanted = (n + rptest_length - 1) / rptest_length;
  together(procs, rptest_part);
  return wanted * rptest_length;
}
static void rptest_close(void) {
  for (int i = 0; i < procs; i++) slots_drain(&tables[i]);
  exchange_close(&meeting);
}

const pattern shared_patterns[] = {
    {"producer-consumer", 1, 2, 1 << 14, pipes_prepare, pipes_run, nothing},
    {"xmalloc-test", 1, 2, 1 << 14, xmalloc_prepare, xmalloc_run, nothing},
    {"sh6bench", 0, 1, 1 << 12, sh6_prepare, sh6_run, sh6_close},
    {"sh8bench", 0, 1, 1 << 12, sh8_prepare, sh8_run, sh8_close},
    {"mstress", 0, 1, mstress_life, mstress_prepare, mstress_run, mstress_close},
    {"rptest", 0, 1, 1 << 12, rptest_prepare, rptest_run, rptest_close},
    {0},
};

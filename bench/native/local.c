// Patterns whose threads keep to their own blocks.
#include "bench.h"

static int procs;
static size_t size, wanted; // wanted is what run was asked for
static sizes the_sizes;
static slots *tables;

void slots_prepare(slots *t, size_t n, int i, const uint16_t *s) {
  t->blocks = table(n * sizeof *t->blocks);
  t->n = n;
  t->random = seed(i);
  for (size_t k = 0; k < n; k++) {
    t->random = next_random(t->random);
    block b = get(draw(s, t->random));
    touch(b);
    t->blocks[k] = b;
  }
}

void churn(slots *t, size_t n, const uint16_t *s) {
  block *blocks = t->blocks;
  uint64_t r = t->random;
  for (size_t i = 0; i < n; i++) {
    r = next_random(r);
    size_t k = pick(r, t->n);
    put(blocks[k]);
    block b = get(draw(s, r));
    touch(b);
    blocks[k] = b;
  }
  t->random = r;
}

void slots_drain(slots *t) {
  for (size_t k = 0; k < t->n; k++) {
    if (t->blocks[k]) put(t->blocks[k]);
    t->blocks[k] = 0;
  }
}

static void tables_close(void) {
  for (int i = 0; i < procs; i++) slots_drain(&tables[i]);
}

// pair
static void pair_prepare_live(size_t s, int p, size_t live) {
  size = s, procs = p;
  tables = table((size_t)p * sizeof *tables);
  for (int i = 0; i < p; i++) {
    tables[i].n = live;
    tables[i].blocks = table(live * sizeof(block));
    fill(tables[i].blocks, live, s);
  }
}
static void pair_prepare(size_t s, int p) { pair_prepare_live(s, p, 0); }
static void pair_1000_prepare(size_t s, int p) { pair_prepare_live(s, p, 1000); }
static void pairs(int i) {
  (void)i;
  for (size_t k = wanted, n = size; k; k--) {
    block b = get(n);
    touch(b);
    put(b);
  }
}
static size_t pair_run(size_t n) {
  wanted = n;
  together(procs, pairs);
  return n;
}

// batch
static size_t length;
static uint16_t *order;
static void batch_prepare(size_t s, int p, size_t l, int random) {
  pair_prepare_live(s, p, 0);
  length = l;
  if (random) shuffle(order = table(l * sizeof *order), l);
  for (int i = 0; i < p; i++) tables[i].blocks = table(l * sizeof(block));
}
static void batch_64_prepare(size_t s, int p) { batch_prepare(s, p, 64, 0); }
static void batch_1000_prepare(size_t s, int p) { batch_prepare(s, p, 1000, 0); }
static void batch_random_prepare(size_t s, int p) { batch_prepare(s, p, 1000, 1); }
static void batches(int i) {
  block *blocks = tables[i].blocks;
  for (size_t k = 0; k < wanted; k++) {
    fill(blocks, length, size);
    if (!order) drain(blocks, length);
    else
      for (size_t j = 0; j < length; j++) put(blocks[order[j]]);
  }
}
static size_t batch_run(size_t n) {
  wanted = (n + length - 1) / length;
  together(procs, batches);
  return wanted * length;
}
static void nothing(void) {}

// mixed
static void mixed_prepare(size_t s, int p) {
  procs = p;
  if (s) constant_sizes(the_sizes, (int)s);
  else log_uniform_sizes(the_sizes, 8, 8192);
  tables = table((size_t)p * sizeof *tables);
  for (int i = 0; i < p; i++) slots_prepare(&tables[i], 10000, i, the_sizes);
}
static void mix(int i) { churn(&tables[i], wanted, the_sizes); }
static size_t mixed_run(size_t n) {
  wanted = n;
  together(procs, mix);
  return n;
}

// swap
enum { swap_period = 10000 };
static size_t swap_round;
static barrier meeting;
static void swap_prepare(size_t s, int p) {
  mixed_prepare(s, p);
  meeting.parties = (unsigned)p;
}
static void swaps(int i) {
  for (size_t r = 0; r < wanted; r++) {
    churn(&tables[((size_t)i + swap_round + r) % (size_t)procs], swap_period, the_sizes);
    meet(&meeting);
  }
}
static size_t swap_run(size_t n) {
  wanted = (n + swap_period - 1) / swap_period;
  together(procs, swaps);
  swap_round += wanted;
  return wanted * swap_period;
}

// larson
enum { larson_slots = 5000, larson_life = 100000 };
static void larson_prepare(size_t s, int p) {
  (void)s;
  procs = p;
  uniform_sizes(the_sizes, 8, 1000);
  tables = table((size_t)p * sizeof *tables);
  for (int i = 0; i < p; i++) slots_prepare(&tables[i], larson_slots, i, the_sizes);
}
static void larson_life_of(int i) { churn(&tables[i], larson_life, the_sizes); }
static void larson_lives(int i) {
  for (size_t k = 0; k < wanted; k++) inherit(larson_life_of, i);
}
static size_t larson_run(size_t n) {
  wanted = (n + larson_life - 1) / larson_life;
  together(procs, larson_lives);
  return wanted * larson_life;
}

// alloc-test
static void flip(slots *t, size_t n) {
  block *blocks = t->blocks;
  uint64_t r = t->random;
  for (size_t i = 0; i < n; i++) {
    r = next_random(r);
    size_t k = pick(r, t->n);
    if (blocks[k]) {
      put(blocks[k]);
      blocks[k] = 0;
      continue;
    }
    block b = get(draw(the_sizes, r));
    touch(b);
    blocks[k] = b;
  }
  t->random = r;
}
static void alloc_test_prepare(size_t s, int p) {
  (void)s;
  enum { places = 1 << 15 };
  procs = p;
  pareto_sizes(the_sizes, 16, 8192);
  tables = table((size_t)p * sizeof *tables);
  for (int i = 0; i < p; i++) {
    tables[i] = (slots){table(places * sizeof(block)), places, seed(i), {0}};
    flip(&tables[i], places);
  }
}
static void flips(int i) { flip(&tables[i], wanted); }
static size_t alloc_test_run(size_t n) {
  wanted = n;
  together(procs, flips);
  return n;
}

// cache-scratch and cache-thrash
static int gifts;
static void scratch_prepare(size_t s, int p) { gifts = 1, size = s, procs = p, tables = table((size_t)p * sizeof *tables); }
static void thrash_prepare(size_t s, int p) { gifts = 0, size = s, procs = p; }
static void scribble(volatile unsigned char *b, size_t n) {
  for (int k = 0; k < 100; k++)
    for (size_t i = 0; i < n; i++) b[i]++;
}
static void cache_lines(int i) {
  if (gifts) put(tables[i].blocks);
  for (size_t k = 0; k < wanted; k++) {
    block b = get(size);
    scribble((volatile unsigned char *)b, size);
    put(b);
  }
}
static size_t cache_run(size_t n) {
  wanted = n;
  for (int i = 0; gifts && i < procs; i++) touch((block)(tables[i].blocks = get(size)));
  together(procs, cache_lines);
  return n;
}

const pattern local_patterns[] = {
    {"pair", 1, 1, 100, pair_prepare, pair_run, tables_close},
    {"pair-1000-live", 1, 1, 100, pair_1000_prepare, pair_run, tables_close},
    {"batch-64", 1, 1, 64, batch_64_prepare, batch_run, nothing},
    {"batch-1000", 1, 1, 1000, batch_1000_prepare, batch_run, nothing},
    {"batch-1000-random", 1, 1, 1000, batch_random_prepare, batch_run, nothing},
    {"mixed", 0, 1, 1000, mixed_prepare, mixed_run, tables_close},
    {"mixed-constant", 1, 1, 1000, mixed_prepare, mixed_run, tables_close},
    {"swap", 0, 2, swap_period, swap_prepare, swap_run, tables_close},
    {"larson", 0, 1, larson_life, larson_prepare, larson_run, tables_close},
    {"alloc-test", 0, 1, 1 << 12, alloc_test_prepare, alloc_test_run, tables_close},
    {"cache-scratch", 1, 1, 100, scratch_prepare, cache_run, nothing},
    {"cache-thrash", 1, 1, 100, thrash_prepare, cache_run, nothing},
    {0},
};

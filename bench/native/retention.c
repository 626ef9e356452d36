// What stays resident after frees: package pattern's Retain.
#include "bench.h"
#include <time.h>

typedef struct { block block; size_t size; } sized;

static long before;
static long now(void) {
  long level = status("VmRSS:");
  return level > before ? level - before : 0;
}

int retention(size_t blocks, size_t percent, double wait_ns) {
  if (blocks < 1 || percent > 100) die("retention of %zu blocks, %zu %% freed", blocks, percent);
  static sizes s;
  log_uniform_sizes(s, 8, 8192);
  uint64_t r = seed(0);
  sized *t = table(blocks * sizeof *t);
  memset(t, 1, blocks * sizeof *t);
  before = status("VmRSS:");
  for (size_t i = 0; i < blocks; i++) {
    r = next_random(r);
    size_t n = draw(s, r);
    t[i] = (sized){get(n), n};
    memset(t[i].block, 1, n);
  }
  long full = now();
  size_t freed = blocks * percent / 100;
  for (size_t i = 0; i < freed; i++) {
    r = next_random(r);
    size_t k = i + pick(r, blocks - i);
    sized chosen = t[k];
    t[k] = t[i];
    t[i] = chosen;
    put(chosen.block);
  }
  long at_once = now();
  size_t live = 0;
  for (size_t i = freed; i < blocks; i++) live += t[i].size;
  static char line[256]; // no block is allocated for what is printed
  setvbuf(stdout, line, _IOFBF, sizeof line);
  printf("live=%zu full=%ld at-once=%ld", live, full, at_once);
  fflush(stdout);
  time_t seconds = (time_t)(wait_ns / 1e9);
  struct timespec left = {seconds, (long)(wait_ns - (double)seconds * 1e9)};
  while (nanosleep(&left, &left)) {}
  long later = now();
  printf(" later=%ld\n", later);
  return 0;
}

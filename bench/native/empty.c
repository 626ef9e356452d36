// No allocator: two calls that do nothing. What a pattern costs with it is the harness.
#include "bench.h"

#if defined(EMPTY)
static char scrap[1 << 20];

__attribute__((noinline)) void *empty_get(size_t n) { return scrap + (n > sizeof scrap); }
__attribute__((noinline)) void empty_put(void *block) { __asm__ volatile("" : : "r"(block)); }
#endif

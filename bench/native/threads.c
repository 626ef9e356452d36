// Threads, ways to wait, and what changes hands between threads.
#include "bench.h"

typedef struct { void (*f)(int); int i; } call;

static void *run_call(void *arg) {
  call *c = arg;
  c->f(c->i);
  return 0;
}

static void start(pthread_t *thread, call *c) {
  if (pthread_create(thread, 0, run_call, c)) die("no thread can be started");
}

void together(int procs, void (*part)(int)) {
  enum { most = 64 };
  pthread_t threads[most];
  call calls[most];
  if (procs > most) die("%d threads are more than %d", procs, most);
  if (procs == 1) {
    part(0);
    return;
  }
  for (int i = 0; i < procs; i++) calls[i] = (call){part, i}, start(&threads[i], &calls[i]);
  for (int i = 0; i < procs; i++) pthread_join(threads[i], 0);
}

// inherit runs life on a new thread and waits for its end.
void inherit(void (*life)(int), int i) {
  pthread_t thread;
  call c = {life, i};
  start(&thread, &c);
  pthread_join(thread, 0);
}

void again(int *looks) {
  if (++*looks > 64) sched_yield();
}

void meet(barrier *b) {
  unsigned turn = atomic_load(&b->opened);
  if (atomic_fetch_add(&b->come, 1) + 1 == b->parties) {
    atomic_store(&b->come, 0);
    atomic_fetch_add(&b->opened, 1);
    return;
  }
  for (int looks = 0; atomic_load(&b->opened) == turn;) again(&looks);
}

void exchange_prepare(exchange *x, int procs) {
  x->places = 2 * (size_t)procs;
  x->place = table(x->places * sizeof *x->place);
  group *g = table(x->places * sizeof *g);
  for (size_t i = 0; i < x->places; i++) atomic_init(&x->place[i], &g[i]);
}

group *exchange_swap(exchange *x, size_t turn, group *g) { return atomic_exchange(&x->place[turn % x->places], g); }

void exchange_close(exchange *x) {
  for (size_t i = 0; i < x->places; i++) {
    group *g = atomic_load(&x->place[i]);
    drain(g->blocks, g->n);
    g->n = 0;
  }
}

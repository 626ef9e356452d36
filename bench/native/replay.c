// Replays a flat trace as package pattern does, on one thread. Every block is touched: its first 64
// bytes and a byte of each 4 KiB behind them.
#include "bench.h"
#include <fcntl.h>
#include <unistd.h>

typedef struct { uint64_t magic, events, survivors, blocks, peak_live; } header;
typedef struct { uint8_t op, align; uint16_t unused; uint32_t id, size, was; } event;
enum { op_alloc, op_free, op_realloc, op_zeroed, op_aligned };

static event *read_events(FILE *in, size_t n, const char *file) {
  event *events = table(n * sizeof *events);
  if (fread(events, sizeof *events, n, in) != n) die("%s: cut short", file);
  return events;
}

// status allocates nothing.
long status(const char *key) {
  char text[8192];
  int f = open("/proc/self/status", O_RDONLY);
  ssize_t n = f < 0 ? 0 : read(f, text, sizeof text - 1);
  if (f >= 0) close(f);
  text[n > 0 ? n : 0] = 0;
  char *found = strstr(text, key);
  return found ? atol(found + strlen(key)) * 1024 : 0;
}

static void touch_all(char *b, size_t n) {
  memset(b, 1, n < 64 ? n : 64);
  for (size_t i = 4096; i < n; i += 4096) b[i] = 1;
}

static void play(const event *events, size_t n, block *blocks) {
  size_t born = 0;
  for (size_t i = 0; i < n; i++) {
    const event *e = &events[i];
    void *b = 0;
    switch (e->op) {
    case op_free:
      free(blocks[e->id]);
      blocks[e->id] = 0;
      continue;
    case op_alloc: b = malloc(e->size); break;
    case op_realloc:
      b = realloc(blocks[e->id], e->size);
      blocks[e->id] = 0;
      break;
    case op_zeroed: b = calloc(1, e->size); break;
    case op_aligned: {
      size_t align = (size_t)1 << e->align, least = sizeof(void *);
      if (posix_memalign(&b, align < least ? least : align, e->size)) die("no aligned block of %u bytes", e->size);
      break;
    }
    }
    touch_all(b, e->size);
    blocks[born++] = b;
  }
}

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

int replay(const char *file, double about) {
  FILE *in = fopen(file, "rb");
  header h;
  if (!in || fread(&h, sizeof h, 1, in) != 1 || h.magic != 0x3130544c464e5053u) die("%s: not a flat trace", file);
  event *events = read_events(in, h.events, file), *survivors = read_events(in, h.survivors, file);
  fclose(in);
  block *blocks = table(h.blocks * sizeof *blocks);
  memset(blocks, 1, h.blocks * sizeof *blocks);
  memset(blocks, 0, h.blocks * sizeof *blocks);

  enum { most = 10000 };
  static double rounds[most];
  int n = 0;
  long resident = 0;
  FILE *clear = fopen("/proc/self/clear_refs", "w");
  if (clear) fputs("5", clear), fclose(clear);
  long before = status("VmRSS:");
  for (double spent = 0; n < 3 || (spent < about && n < most);) {
    double start = now_ns();
    play(events, h.events, blocks);
    double elapsed = now_ns() - start;
    if (n == 0) resident = status("VmHWM:") - before;
    play(survivors, h.survivors, blocks);
    rounds[n++] = elapsed / (double)(h.events ? h.events : 1);
    spent += elapsed;
  }
  qsort(rounds, (size_t)n, sizeof *rounds, compare);
  printf("ns/event=%.4f best=%.4f rounds=%d resident=%ld\n", rounds[n / 2], rounds[0], n, resident);
  return 0;
}

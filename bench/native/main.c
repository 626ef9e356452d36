// The C program takes package worker's arguments and prints the same lines.
#include "bench.h"
#include <math.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <time.h>

void die(const char *format, ...) {
  va_list args;
  va_start(args, format);
  fputs("native: ", stderr);
  vfprintf(stderr, format, args);
  fputc('\n', stderr);
  exit(1);
}

void *table(size_t n) {
  void *p = mmap(0, n ? n : 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) die("no memory for a table of %zu bytes", n);
  return p;
}

double now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

void constant_sizes(sizes s, int size) {
  for (int i = 0; i < size_count; i++) s[i] = (uint16_t)size;
}
static double quantile(int i) { return ((double)i + 0.5) / size_count; }
void uniform_sizes(sizes s, double low, double high) {
  for (int i = 0; i < size_count; i++) s[i] = (uint16_t)(low + quantile(i) * (high - low));
}
void log_uniform_sizes(sizes s, double low, double high) {
  double octaves = log2(high / low);
  for (int i = 0; i < size_count; i++) s[i] = (uint16_t)(low * exp2(quantile(i) * octaves));
}
void pareto_sizes(sizes s, double low, double high) {
  for (int i = 0; i < size_count; i++) s[i] = (uint16_t)fmin(high, low * exp2(-log2(1 - quantile(i)) / 1.1));
}

void shuffle(uint16_t *order, size_t n) {
  uint64_t r = seed(0);
  for (size_t i = 0; i < n; i++) {
    r = next_random(r);
    size_t k = pick(r, i + 1);
    order[i] = order[k];
    order[k] = (uint16_t)i;
  }
}

// fingerprint sums up everything random, to be compared with package pattern's.
static uint64_t print_of(uint64_t h, const uint16_t *s, size_t n) {
  for (size_t i = 0; i < n; i++) h = (h ^ s[i]) * 0x100000001b3u;
  return h;
}
static uint64_t fingerprint(void) {
  static sizes s;
  static uint16_t order[1000];
  uint64_t h = 0xcbf29ce484222325u;
  uniform_sizes(s, 8, 1000), h = print_of(h, s, size_count);
  log_uniform_sizes(s, 8, 8192), h = print_of(h, s, size_count);
  log_uniform_sizes(s, 1, 1000), h = print_of(h, s, size_count);
  log_uniform_sizes(s, 16, 16000), h = print_of(h, s, size_count);
  pareto_sizes(s, 16, 8192), h = print_of(h, s, size_count);
  shuffle(order, 1000), h = print_of(h, order, 1000);
  return h;
}

static double timed(const pattern *p, size_t n, size_t *ops) {
  double start = now_ns();
  *ops = p->run(n);
  return now_ns() - start;
}

static void measure(const pattern *p, size_t size, int procs, double about) {
  p->prepare(size, procs);
  size_t n = p->quantum, ops;
  for (int fit = 0; fit < 2;) {
    double elapsed = timed(p, n, &ops);
    if (elapsed < about / 8)
      fit = 0, n *= 2;
    else if (++fit == 2)
      n = (size_t)((double)ops * about / elapsed);
  }
  double elapsed = timed(p, n > p->quantum ? n : p->quantum, &ops);
  p->close();
  printf("ns/op=%.4f ops=%zu\n", elapsed / (double)ops, ops);
}

static const pattern *find(const char *name) {
  for (const pattern *p = local_patterns; p->name; p++)
    if (!strcmp(p->name, name)) return p;
  for (const pattern *p = shared_patterns; p->name; p++)
    if (!strcmp(p->name, name)) return p;
  die("no pattern is called \"%s\"", name);
}

static size_t count(const char *text) {
  char *end;
  long long n = strtoll(text, &end, 10);
  if (!*text || *end || n < 0) die("\"%s\" is no count", text);
  return (size_t)n;
}

int main(int argc, char **argv) {
  if (argc == 2 && !strcmp(argv[1], "numbers")) {
    printf("numbers=%llu\n", (unsigned long long)fingerprint());
    return 0;
  }
  if (argc == 4 && !strcmp(argv[1], "replay")) return replay(argv[2], (double)count(argv[3]) * 1e6);
  if (argc == 5 && !strcmp(argv[1], "retention")) return retention(count(argv[2]), count(argv[3]), (double)count(argv[4]) * 1e6);
  if (argc != 6 || strcmp(argv[1], "run"))
    die("usage: native run PATTERN SIZE PROCS MILLISECONDS | replay FILE MILLISECONDS | retention BLOCKS PERCENT MILLISECONDS | numbers");
  const pattern *p = find(argv[2]);
  size_t size = count(argv[3]);
  int procs = (int)count(argv[4]);
  if (procs < 1 || procs % (p->group ? p->group : 1)) die("pattern %s: %d threads are no multiple of %d", p->name, procs, p->group);
  if (p->sized ? size < 1 : size != 0) die("pattern %s: blocks of %zu bytes", p->name, size);
  measure(p, size, procs, (double)count(argv[5]) * 1e6);
  return 0;
}

/*
 * Load generator of the benchmarks: HTTP/1.1 over loopback from one thread by epoll. Bodies are dropped inside the kernel (MSG_TRUNC), so that
 * this program costs less CPU than any server it measures. Prints one JSON object. Bodies hold 8-byte little-endian words with their own index,
 * so that any piece of any object can be checked (-v).
 *
 *   load -a PORT -c CONNECTIONS [-d SECONDS | -n REQUESTS | -1] -p PATH [-k KEYS [-q]] [-r SIZE:OBJECT[:shuffled]] [-R FIRST-LAST]
 *        [-x ABORT_AFTER_BYTES] [-s SEED] [-t TIMEOUT_S] [-v]
 *
 * -1: one request a connection, all at once. -k: "%d" in PATH becomes a number below KEYS, by chance or (-q) one after another.
 * -r: ranges of SIZE of an object of OBJECT bytes, by chance, or each once in a scattered order.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_BYTES_MAX = 16384, REQUEST_BYTES_MAX = 1024, READ_BYTES = 1 << 20, CHECK_BYTES = 1 << 18, READS_A_TURN = 16, EVENTS = 256, ERRORS_SHOWN = 5, ERRORS_MAX = 20000 };
/* A prime step visits every range of an object once, in no order that read-ahead would guess. */
enum { SHUFFLE_STEP = 101 };

enum phase { SENDING, HEAD, BODY, OVER };

struct connection {
  int fd;
  enum phase phase;
  int reused, closes;
  char request[REQUEST_BYTES_MAX];
  int request_bytes, sent_bytes;
  char head[HEAD_BYTES_MAX];
  int head_bytes;
  int64_t offset;  /* of the body within the object */
  int64_t got, left;
  double began_s, first_byte_s;
};

static struct {
  int port, connections, is_one_each, key_count, is_key_sequential, is_verified, is_shuffled;
  double duration_s, timeout_s;
  int64_t requests_max, range_bytes, object_bytes, abort_after_bytes, first, last;
  const char *path;
  uint64_t random;
} set = {.connections = 1, .timeout_s = 120, .path = "/", .random = 88172645463325252ULL, .first = -1};

static struct {
  int64_t begun, done, bytes, errors, wrong, aborted, not_partial;
  double *latency_s, *first_byte_s;
  int64_t samples, room;
} sum;

static int epoll, active, is_over;
static int64_t next_key, next_range;
static char *buffer;

static double now_s(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t random_number(void) {
  set.random ^= set.random << 13;
  set.random ^= set.random >> 7;
  set.random ^= set.random << 17;
  return set.random;
}

static void record(double latency_s, double first_byte_s) {
  if (sum.samples == sum.room) {
    sum.room = sum.room ? sum.room * 2 : 65536;
    sum.latency_s = realloc(sum.latency_s, (size_t)sum.room * sizeof(double));
    sum.first_byte_s = realloc(sum.first_byte_s, (size_t)sum.room * sizeof(double));
    if (!sum.latency_s || !sum.first_byte_s) exit(3);
  }
  sum.latency_s[sum.samples] = latency_s;
  sum.first_byte_s[sum.samples++] = first_byte_s;
}

static void watch(struct connection *c, uint32_t events, int operation) {
  struct epoll_event e = {.events = events, .data.ptr = c};
  epoll_ctl(epoll, operation, c->fd, &e);
}

static void dial(struct connection *c) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)set.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int on = 1;
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (c->fd < 0) {
    perror("socket");
    exit(3);
  }
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  connect(c->fd, (struct sockaddr *)&to, sizeof to);
  c->reused = 0;
  watch(c, EPOLLOUT | EPOLLIN, EPOLL_CTL_ADD);
}

static void hang_up(struct connection *c) {
  if (c->fd >= 0) close(c->fd);
  c->fd = -1;
}

/* Writes the next request; 0 when there are to be no more. */
static int prepare(struct connection *c) {
  if (set.requests_max && sum.begun >= set.requests_max) return 0;
  sum.begun++;
  char path[512], range[96] = "";
  const char *mark = set.key_count ? strstr(set.path, "%d") : NULL;
  if (mark) {
    int64_t key = set.is_key_sequential ? next_key++ % set.key_count : (int64_t)(random_number() % (uint64_t)set.key_count);
    snprintf(path, sizeof path, "%.*s%lld%s", (int)(mark - set.path), set.path, (long long)key, mark + 2);
  } else {
    snprintf(path, sizeof path, "%s", set.path);
  }
  c->offset = 0;
  if (set.range_bytes) {
    int64_t count = set.object_bytes / set.range_bytes;
    int64_t i = set.is_shuffled ? (next_range++ * SHUFFLE_STEP) % count : (int64_t)(random_number() % (uint64_t)count);
    c->offset = i * set.range_bytes;
    snprintf(range, sizeof range, "Range: bytes=%lld-%lld\r\n", (long long)c->offset, (long long)(c->offset + set.range_bytes - 1));
  } else if (set.first >= 0) {
    c->offset = set.first;
    snprintf(range, sizeof range, "Range: bytes=%lld-%lld\r\n", (long long)set.first, (long long)set.last);
  }
  c->request_bytes = snprintf(c->request, sizeof c->request, "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", path, range);
  c->sent_bytes = 0;
  c->head_bytes = 0;
  c->got = 0;
  c->closes = 0;
  c->phase = SENDING;
  c->began_s = now_s();
  c->first_byte_s = 0;
  return 1;
}

static void proceed(struct connection *c) {
  if (is_over || set.is_one_each || !prepare(c)) {
    hang_up(c);
    c->phase = OVER;
    active--;
  } else if (c->fd < 0) {
    dial(c);
  } else {
    c->reused = 1;
    watch(c, EPOLLOUT | EPOLLIN, EPOLL_CTL_MOD);
  }
}

static void fail(struct connection *c, const char *what) {
  if (sum.errors++ < ERRORS_SHOWN) fprintf(stderr, "%s (%s), %lld bytes there, %lld missing\n", what, strerror(errno), (long long)c->got, (long long)c->left);
  if (sum.errors > ERRORS_MAX) is_over = 1;
  hang_up(c);
  proceed(c);
}

static void finish(struct connection *c) {
  sum.done++;
  record(now_s() - c->began_s, c->first_byte_s - c->began_s);
  if (c->closes) hang_up(c);
  proceed(c);
}

static void check(struct connection *c, const char *bytes, int64_t count) {
  int64_t at = c->offset + c->got;
  for (int64_t i = 0; i < count; i++, at++) {
    uint64_t word = (uint64_t)at >> 3;
    if ((unsigned char)bytes[i] != ((word >> (8 * (at & 7))) & 255)) {
      sum.wrong++;
      return;
    }
  }
}

/* 1 when the body is complete. */
static int account(struct connection *c, const char *bytes, int64_t count) {
  if (set.is_verified && bytes) check(c, bytes, count);
  c->got += count;
  c->left -= count;
  sum.bytes += count;
  return c->left == 0;
}

/* Reads status and framing. 0: not all there yet; -1: this is no answer to measure. */
static int read_head(struct connection *c) {
  ssize_t got = recv(c->fd, c->head + c->head_bytes, (size_t)(HEAD_BYTES_MAX - 1 - c->head_bytes), 0);
  if (got < 0) return errno == EAGAIN ? 0 : -1;
  if (got == 0) return -1;
  if (c->first_byte_s == 0) c->first_byte_s = now_s();
  c->head_bytes += (int)got;
  c->head[c->head_bytes] = 0;
  char *end = strstr(c->head, "\r\n\r\n");
  if (!end) return c->head_bytes >= HEAD_BYTES_MAX - 1 ? -1 : 0;
  *end = 0;
  int status = atoi(c->head + 9);
  c->left = -1;
  for (char *line = strstr(c->head, "\r\n"); line; line = strstr(line, "\r\n")) {
    line += 2;
    if (!strncasecmp(line, "content-length:", 15)) c->left = atoll(line + 15);
    if (!strncasecmp(line, "connection: close", 17)) c->closes = 1;
  }
  if (status < 200 || status > 299 || c->left < 0) return -1;
  if ((set.range_bytes || set.first >= 0) && status != 206) sum.not_partial++;
  int head = (int)(end - c->head) + 4;
  c->phase = BODY;
  return account(c, c->head + head, c->head_bytes - head) ? 2 : 1;
}

static void abort_here(struct connection *c) {
  struct linger at_once = {1, 0};
  setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  sum.aborted++;
  record(now_s() - c->began_s, c->first_byte_s - c->began_s);
  hang_up(c);
  proceed(c);
}

static void read_body(struct connection *c) {
  for (int turn = 0; turn < READS_A_TURN; turn++) {
    int64_t want = set.is_verified ? CHECK_BYTES : READ_BYTES;
    if (c->left < want) want = c->left;
    ssize_t got = set.is_verified ? recv(c->fd, buffer, (size_t)want, 0) : recv(c->fd, NULL, (size_t)want, MSG_TRUNC);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return fail(c, "the body broke off");
    if (account(c, set.is_verified ? buffer : NULL, got)) return finish(c);
    if (set.abort_after_bytes && c->got >= set.abort_after_bytes) return abort_here(c);
  }
}

static void on_event(struct connection *c, uint32_t events) {
  if (c->phase == SENDING) {
    if (events & EPOLLOUT) {
      ssize_t sent = send(c->fd, c->request + c->sent_bytes, (size_t)(c->request_bytes - c->sent_bytes), MSG_NOSIGNAL);
      if (sent < 0 && errno != EAGAIN) return fail(c, "cannot send");
      if (sent > 0) c->sent_bytes += (int)sent;
      if (c->sent_bytes < c->request_bytes) return;
      c->phase = HEAD;
      watch(c, EPOLLIN, EPOLL_CTL_MOD);
    } else if (events & (EPOLLHUP | EPOLLERR)) {
      return fail(c, "cannot connect");
    }
  }
  if (c->phase == HEAD && events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
    int state = read_head(c);
    if (state < 0 && c->reused && c->head_bytes == 0) {
      /* A kept connection that the server closed meanwhile: once more on a new one, as browsers do. */
      hang_up(c);
      c->sent_bytes = 0;
      c->phase = SENDING;
      return dial(c);
    }
    if (state < 0) return fail(c, "no good answer");
    if (state == 2) return finish(c);
  }
  if (c->phase == BODY) read_body(c);
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static double quantile_ms(double *values, double share) {
  return sum.samples ? values[(int64_t)((double)(sum.samples - 1) * share)] * 1000 : 0;
}

static void print_quantiles(const char *name, double *values) {
  qsort(values, (size_t)sum.samples, sizeof(double), ascending);
  printf("\"%s\":{\"p50\":%.3f,\"p99\":%.3f,\"max\":%.3f},", name, quantile_ms(values, 0.5), quantile_ms(values, 0.99), quantile_ms(values, 1));
}

static void print(double seconds) {
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  printf("{\"secs\":%.3f,\"requests\":%lld,\"bytes\":%lld,", seconds, (long long)sum.done, (long long)sum.bytes);
  print_quantiles("latencyMs", sum.latency_s);
  print_quantiles("firstByteMs", sum.first_byte_s);
  printf("\"errors\":%lld,\"wrong\":%lld,\"aborted\":%lld,\"notPartial\":%lld,\"unfinished\":%d,\"clientCpuS\":%.3f}\n", (long long)sum.errors, (long long)sum.wrong,
         (long long)sum.aborted, (long long)sum.not_partial, set.is_one_each || set.requests_max ? active : 0,
         (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
}

static void read_options(int argc, char **argv) {
  for (int option; (option = getopt(argc, argv, "a:c:d:n:1p:k:qr:R:x:s:t:v")) > 0;) {
    char *rest;
    switch (option) {
      case 'a': set.port = atoi(optarg); break;
      case 'c': set.connections = atoi(optarg); break;
      case 'd': set.duration_s = atof(optarg); break;
      case 'n': set.requests_max = atoll(optarg); break;
      case '1': set.is_one_each = 1; break;
      case 'p': set.path = optarg; break;
      case 'k': set.key_count = atoi(optarg); break;
      case 'q': set.is_key_sequential = 1; break;
      case 'r':
        set.range_bytes = strtoll(optarg, &rest, 10);
        set.object_bytes = *rest ? strtoll(rest + 1, &rest, 10) : 0;
        set.is_shuffled = !strcmp(rest, ":shuffled");
        break;
      case 'R':
        set.first = strtoll(optarg, &rest, 10);
        set.last = *rest ? strtoll(rest + 1, NULL, 10) : 0;
        break;
      case 'x': set.abort_after_bytes = atoll(optarg); break;
      case 's': set.random ^= strtoull(optarg, NULL, 10) * 2654435761ULL; break;
      case 't': set.timeout_s = atof(optarg); break;
      case 'v': set.is_verified = 1; break;
      default: exit(2);
    }
  }
  if (!set.port || set.connections < 1 || (set.range_bytes && set.object_bytes < set.range_bytes)) {
    fprintf(stderr, "a port, connections and an object larger than its ranges are wanted\n");
    exit(2);
  }
}

int main(int argc, char **argv) {
  read_options(argc, argv);
  buffer = malloc(CHECK_BYTES);
  epoll = epoll_create1(0);
  struct connection *all = calloc((size_t)set.connections, sizeof *all);
  if (!buffer || !all || epoll < 0) return 3;
  double began_s = now_s(), end_s = began_s + (set.duration_s > 0 ? set.duration_s : set.timeout_s);
  for (int i = 0; i < set.connections; i++) {
    all[i].fd = -1;
    all[i].phase = OVER;
    if (!prepare(&all[i])) break;
    active++;
    dial(&all[i]);
  }
  struct epoll_event events[EVENTS];
  while (active > 0 && !is_over && now_s() < end_s) {
    int count = epoll_wait(epoll, events, EVENTS, 100);
    for (int i = 0; i < count; i++) {
      struct connection *c = events[i].data.ptr;
      if (c->phase != OVER && c->fd >= 0) on_event(c, events[i].events);
    }
  }
  print(now_s() - began_s);
  return 0;
}

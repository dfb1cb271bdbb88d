/*
 * Preloaded into the built program: makes the Nth call of one kind for one file go wrong, or changes names in its folder at that
 * moment, and notes that it was done. Compiled by fuzz/faults/calls/shim.ts.
 *
 * FAULT_ROOT    folder of the run; only files below it count, and stdin and stdout
 * FAULT_LOG     file to which a line is appended per call: "call file", or of the fault alone: "hit call file"
 * FAULT_CALL    read, write, open, close, rename, link, unlink, truncate, sync, map; none: nothing goes wrong, every call is noted
 * FAULT_FILE    as in the notes: the path below the root, with # for 8 and more hexadecimal digits
 * FAULT_NTH     number of the call that goes wrong, from 0 on;  FAULT_TIMES  how many from there on
 * FAULT_WHAT    a number of errno, "short", "nothing", or what becomes of names: "swap-file", "swap-link", "take-name", "link-name", "swap-folder"
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* V8 maps less than this all the time, and cannot go on without. */
#define LEAST_MAP (1 << 20)
#define REAL(name) ((__typeof__(&name))real(#name))

static const char *root, *call_wanted, *file_wanted, *what;
static long nth, times;
static int log_fd = -1;
static atomic_long seen;

static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

__attribute__((constructor)) static void begin(void) {
  root = getenv("FAULT_ROOT");
  call_wanted = getenv("FAULT_CALL");
  file_wanted = getenv("FAULT_FILE");
  what = getenv("FAULT_WHAT");
  const char *n = getenv("FAULT_NTH"), *t = getenv("FAULT_TIMES"), *log = getenv("FAULT_LOG");
  nth = n ? atol(n) : 0;
  times = t ? atol(t) : 1;
  /* A high number, so that those of the program are as without. */
  int fd = log ? (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT, 0600) : -1;
  if (fd >= 0) {
    log_fd = (int)syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 400);
    syscall(SYS_close, fd);
  }
}

/* The path below the root with digits replaced; 0: none of ours. */
static int shorten(const char *path, char *into, size_t size) {
  size_t length = root ? strlen(root) : 0;
  if (!length || strncmp(path, root, length) != 0 || path[length] != '/') return 0;
  size_t at = 0;
  for (const char *p = path + length + 1; *p && at + 1 < size;) {
    size_t run = strspn(p, "0123456789abcdef");
    if (run >= 8) {
      into[at++] = '#';
      p += run;
    } else if (strcmp(p, " (deleted)") == 0) break;
    else into[at++] = *p++;
  }
  into[at] = 0;
  return 1;
}

static int path_of(int fd, char *path, size_t size) {
  char link[40];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = syscall(SYS_readlink, link, path, size - 1);
  if (n < 0) return 0;
  path[n] = 0;
  return 1;
}

static int name_of(int fd, char *into, size_t size) {
  char path[4096];
  if (!root || fd == log_fd || !path_of(fd, path, sizeof path)) return 0;
  if (shorten(path, into, size)) return 1;
  if (fd != 0 && fd != 1) return 0;
  strcpy(into, fd == 0 ? "stdin" : "stdout");
  return 1;
}

static void note(const char *before, const char *call, const char *file) {
  char line[512];
  int n = snprintf(line, sizeof line, "%s%s %s\n", before, call, file);
  if (log_fd >= 0) syscall(SYS_write, log_fd, line, n);
}

/* Whether this call is to go wrong. */
static int is_hit(const char *call, const char *file) {
  if (!call_wanted) {
    note("", call, file);
    return 0;
  }
  if (strcmp(call, call_wanted) != 0 || !file_wanted || strcmp(file, file_wanted) != 0) return 0;
  long n = atomic_fetch_add(&seen, 1);
  if (n < nth || n >= nth + times) return 0;
  note("hit ", call, file);
  return 1;
}

static int is(const char *name) { return what && strcmp(what, name) == 0; }
static int error_wanted(void) { return what ? atoi(what) : 0; }

static void make_file(const char *path, const char *text) {
  int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (fd < 0) return;
  syscall(SYS_write, fd, text, strlen(text));
  syscall(SYS_close, fd);
}

/* Changes names in the folder of the output, and lets the call go on. */
static int change_names(int fd) {
  char path[4096], other[4200], output[4200];
  snprintf(output, sizeof output, "%s/to/out", root);
  if (is("take-name")) make_file(output, "taken");
  else if (is("link-name")) {
    snprintf(other, sizeof other, "%s/victim", root);
    syscall(SYS_symlinkat, other, AT_FDCWD, output);
  } else if (is("swap-folder")) {
    snprintf(path, sizeof path, "%s/to", root);
    snprintf(other, sizeof other, "%s/moved", root);
    syscall(SYS_rename, path, other);
    snprintf(other, sizeof other, "%s/elsewhere", root);
    syscall(SYS_mkdirat, AT_FDCWD, other, 0700);
    syscall(SYS_symlinkat, other, AT_FDCWD, path);
  } else if (is("swap-file") || is("swap-link")) {
    if (!path_of(fd, path, sizeof path)) return 1;
    snprintf(other, sizeof other, "%s.away", path);
    syscall(SYS_rename, path, other);
    if (is("swap-file")) make_file(path, "intruder");
    else {
      snprintf(other, sizeof other, "%s/victim", root);
      syscall(SYS_symlinkat, other, AT_FDCWD, path);
    }
  } else return 0;
  return 1;
}

/* For calls with bytes: -2 go on, else what to return; *size may become smaller. */
static ssize_t disturb(const char *call, int fd, size_t *size) {
  char file[4096];
  if (!name_of(fd, file, sizeof file) || !is_hit(call, file)) return -2;
  if (change_names(fd)) return -2;
  if (is("nothing")) return 0;
  if (is("short")) {
    if (*size > 1) *size /= 2;
    return -2;
  }
  errno = error_wanted();
  return -1;
}

ssize_t read(int fd, void *to, size_t size) {
  ssize_t r = disturb("read", fd, &size);
  return r != -2 ? r : REAL(read)(fd, to, size);
}
ssize_t pread64(int fd, void *to, size_t size, off64_t at) {
  ssize_t r = disturb("read", fd, &size);
  return r != -2 ? r : REAL(pread64)(fd, to, size, at);
}
ssize_t preadv64(int fd, const struct iovec *parts, int count, off64_t at) {
  size_t size = 0;
  ssize_t r = disturb("read", fd, &size);
  return r != -2 ? r : REAL(preadv64)(fd, parts, is("short") && count > 1 ? 1 : count, at);
}
ssize_t write(int fd, const void *from, size_t size) {
  ssize_t r = disturb("write", fd, &size);
  return r != -2 ? r : REAL(write)(fd, from, size);
}
ssize_t pwrite64(int fd, const void *from, size_t size, off64_t at) {
  ssize_t r = disturb("write", fd, &size);
  return r != -2 ? r : REAL(pwrite64)(fd, from, size, at);
}
/* Part of the first piece: what comes short is told by its length. */
ssize_t writev(int fd, const struct iovec *parts, int count) {
  size_t size = parts[0].iov_len;
  const size_t whole = size;
  ssize_t r = disturb("write", fd, &size);
  if (r != -2) return r;
  return size < whole ? REAL(write)(fd, parts[0].iov_base, size) : REAL(writev)(fd, parts, count);
}
int ftruncate64(int fd, off64_t length) {
  size_t none = 0;
  return disturb("truncate", fd, &none) == -1 ? -1 : REAL(ftruncate64)(fd, length);
}
int fsync(int fd) {
  size_t none = 0;
  return disturb("sync", fd, &none) == -1 ? -1 : REAL(fsync)(fd);
}
int fdatasync(int fd) {
  size_t none = 0;
  return disturb("sync", fd, &none) == -1 ? -1 : REAL(fdatasync)(fd);
}
/* As in Linux: the descriptor is gone, whatever is said. */
int close(int fd) {
  size_t none = 0;
  ssize_t r = disturb("close", fd, &none);
  int wrong = errno, done = REAL(close)(fd);
  if (r != -1) return done;
  errno = wrong;
  return -1;
}

/* libuv closes files by this one. */
long syscall(long number, ...) {
  static long (*next)(long, ...);
  if (!next) next = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
  long a[6];
  va_list rest;
  va_start(rest, number);
  for (int i = 0; i < 6; i++) a[i] = va_arg(rest, long);
  va_end(rest);
  /* Where names are looked up this is called again. */
  static __thread int inside;
  if (number != SYS_close || inside) return next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
  size_t none = 0;
  inside = 1;
  ssize_t r = disturb("close", (int)a[0], &none);
  int wrong = errno;
  inside = 0;
  long done = next(number, a[0]);
  if (r != -1) return done;
  errno = wrong;
  return -1;
}

static int fails(const char *call, const char *path) {
  char whole[4096], file[4096], folder[2048];
  int fd, used = 0;
  /* In a folder that is held open. */
  if (sscanf(path, "/proc/self/fd/%d/%n", &fd, &used) == 1 && used > 0) {
    if (!path_of(fd, folder, sizeof folder)) return 0;
    snprintf(whole, sizeof whole, "%s/%s", folder, path + used);
  } else if (path[0] == '/') snprintf(whole, sizeof whole, "%s", path);
  else {
    if (!root || syscall(SYS_getcwd, folder, sizeof folder) < 0) return 0;
    snprintf(whole, sizeof whole, "%s/%s", folder, path);
  }
  if (!shorten(whole, file, sizeof file) || !is_hit(call, file)) return 0;
  if (change_names(-1)) return 0;
  errno = error_wanted();
  return 1;
}
int rename(const char *from, const char *to) { return fails("rename", from) ? -1 : REAL(rename)(from, to); }
int link(const char *from, const char *to) { return fails("link", to) ? -1 : REAL(link)(from, to); }
int unlink(const char *path) { return fails("unlink", path) ? -1 : REAL(unlink)(path); }
int open64(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = va_arg(rest, mode_t);
  va_end(rest);
  return fails("open", path) ? -1 : REAL(open64)(path, flags, mode);
}
void *mmap64(void *at, size_t size, int protection, int flags, int fd, off64_t offset) {
  if (root && fd < 0 && size >= LEAST_MAP && is_hit("map", "memory")) {
    errno = ENOMEM;
    return MAP_FAILED;
  }
  return REAL(mmap64)(at, size, protection, flags, fd, offset);
}

// Loaded before the C library (LD_PRELOAD), it makes a program die, run out of room or see its clock jump at a call that
// was chosen before: scripts/fault_campaign.py.
//   FAULT_PROGRAM  a program's name, crosslaw or crosslaw-train; any other is left alone
//   FAULT_CALL     rename, fsync, write, mkdir or unlink
//   FAULT_AT       the how-manieth such call of a process
//   FAULT_KIND     kill-before, kill-after, or full: that call and all later ones find no room left
//   FAULT_ONCE     a file that who dies makes first, so that no second process dies
//   FAULT_CLOCK    seconds by which the clock jumps, to and fro, each quarter of a second
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static long at_call, calls;
static const char *call_name, *kind;
static double clock_jump;

__attribute__((constructor)) static void read_orders(void) {
  const char* program = getenv("FAULT_PROGRAM");
  const char* jump = getenv("FAULT_CLOCK");
  if (jump) clock_jump = atof(jump);
  if (!program || strcmp(program, program_invocation_short_name) != 0) return;
  call_name = getenv("FAULT_CALL");
  kind = getenv("FAULT_KIND");
  at_call = atol(getenv("FAULT_AT"));
}

static void die(void) {
  const char* once = getenv("FAULT_ONCE");
  if (!once || syscall(SYS_openat, AT_FDCWD, once, O_CREAT | O_EXCL | O_WRONLY, 0600) >= 0) kill(getpid(), SIGKILL);
}

// Whether the call is to fail for lack of room.
static int is_full(const char* name) {
  if (!call_name || strcmp(name, call_name) != 0) return 0;
  const long now = __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST);
  if (now == at_call && strcmp(kind, "kill-before") == 0) die();
  return now >= at_call && strcmp(kind, "full") == 0;
}

static void after(const char* name) {
  if (call_name && strcmp(name, call_name) == 0 && calls == at_call && strcmp(kind, "kill-after") == 0) die();
}

#define REAL(function) (__typeof__(&function)) dlsym(RTLD_NEXT, #function)
#define REPLACED(type, function, name, full, parameters, arguments) \
  type function parameters {                                        \
    static __typeof__(&function) real;                              \
    if (!real) real = REAL(function);                               \
    if (full && is_full(name)) {                                    \
      errno = ENOSPC;                                               \
      return -1;                                                    \
    }                                                               \
    type result = real arguments;                                   \
    const int error = errno;                                        \
    if (full) after(name);                                          \
    errno = error;                                                  \
    return result;                                                  \
  }

// What a program says goes on to be said.
#define IS_FILE (file > 2)
REPLACED(int, rename, "rename", 1, (const char* from, const char* to), (from, to))
REPLACED(int, mkdir, "mkdir", 1, (const char* path, mode_t mode), (path, mode))
REPLACED(int, unlink, "unlink", 1, (const char* path), (path))
REPLACED(int, fsync, "fsync", 1, (int file), (file))
REPLACED(int, fdatasync, "fsync", 1, (int file), (file))
REPLACED(ssize_t, write, "write", IS_FILE, (int file, const void* data, size_t size), (file, data, size))
REPLACED(ssize_t, writev, "write", IS_FILE, (int file, const struct iovec* parts, int count), (file, parts, count))
REPLACED(ssize_t, pwrite, "write", IS_FILE, (int file, const void* data, size_t size, off_t where), (file, data, size, where))
REPLACED(ssize_t, pwrite64, "write", IS_FILE, (int file, const void* data, size_t size, off64_t where), (file, data, size, where))

int clock_gettime(clockid_t clock, struct timespec* time) {
  static __typeof__(&clock_gettime) real;
  if (!real) real = REAL(clock_gettime);
  const int result = real(clock, time);
  if (clock == CLOCK_REALTIME && clock_jump != 0 && time->tv_nsec / 250000000 % 2) time->tv_sec += (time_t)clock_jump;
  return result;
}

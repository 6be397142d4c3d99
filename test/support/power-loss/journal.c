/*
 * Preloaded into a process, it writes a journal of what the process does to the files below a directory: every change, with its
 * bytes, and the begin and end of every sync. test/support/power-loss/journal.ts reads it.
 *
 * POWER_LOSS_ROOT: the directory, without a slash at the end. POWER_LOSS_JOURNAL: the file that is appended to.
 * POWER_LOSS_FAILING: `directories` or `files`, of which every sync fails while it is set.
 *
 * A change and its entry are made under one lock, so that the journal has the order of the changes. A sync is not: changes that
 * are in the journal before its begin are on disk after its end. Writes through memory maps are not seen.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAX_FILES 4096
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int journal = -1;
static const char *root;
/* Each file below the root that was opened with a descriptor, and whether for synchronous writes. */
static struct { dev_t device; ino_t inode; int is_synchronous; } files[MAX_FILES];
static unsigned long syncs;

__attribute__((constructor)) static void start(void) {
  struct stat info;
  const char *path = getenv("POWER_LOSS_JOURNAL");
  root = getenv("POWER_LOSS_ROOT");
  if (!path || !root || stat(root, &info)) return;
  journal = REAL(open)(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  dprintf(journal, "root\t%lu\n", (unsigned long)info.st_ino);
}

static int is_below(const char *path) {
  size_t length = journal < 0 ? 0 : strlen(root);
  return length > 0 && !strncmp(path, root, length) && (path[length] == '/' || path[length] == 0);
}

static const char *name_of(const char *path) { return path + strlen(root); }

/* Not every close of a descriptor is seen. */
static int is_tracked(int fd) {
  struct stat info;
  if (fd < 0 || fd >= MAX_FILES || !files[fd].inode || fstat(fd, &info)) return 0;
  return files[fd].device == info.st_dev && files[fd].inode == info.st_ino;
}

static void note_bytes(int fd, off_t offset, const void *bytes, size_t size) {
  char line[128];
  int length = snprintf(line, sizeof line, "write\t%lu\t%lld\t%zu\t%d\n", (unsigned long)files[fd].inode, (long long)offset, size,
                        files[fd].is_synchronous);
  struct iovec parts[] = {{line, length}, {(void *)bytes, size}};
  if (REAL(writev)(journal, parts, 2) != (ssize_t)(length + size)) abort();
}

static int opened(int fd, const char *path, int flags, int existed) {
  struct stat info;
  if (fd < 0 || fd >= MAX_FILES || fstat(fd, &info)) return fd;
  files[fd].device = info.st_dev;
  files[fd].inode = info.st_ino;
  files[fd].is_synchronous = (flags & O_DSYNC) != 0;
  if (!existed) dprintf(journal, "create\t%lu\t%s\n", (unsigned long)info.st_ino, name_of(path));
  else if (flags & O_TRUNC) dprintf(journal, "truncate\t%lu\t0\n", (unsigned long)info.st_ino);
  return fd;
}

static int open_file(int (*real)(const char *, int, ...), const char *path, int flags, mode_t mode) {
  if (!is_below(path)) return real(path, flags, mode);
  pthread_mutex_lock(&lock);
  int existed = !(flags & O_CREAT) || !access(path, F_OK);
  int fd = opened(real(path, flags, mode), path, flags, existed);
  pthread_mutex_unlock(&lock);
  return fd;
}

#define OPEN(name)                                                   \
  int name(const char *path, int flags, ...) {                       \
    va_list more;                                                    \
    va_start(more, flags);                                           \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0; \
    va_end(more);                                                    \
    return open_file(REAL(name), path, flags, mode);                 \
  }
OPEN(open)
OPEN(open64)

static ssize_t written(int fd, off_t offset, const struct iovec *parts, int count, ssize_t size) {
  ssize_t left = size;
  for (int i = 0; i < count && left > 0; i++) {
    size_t some = parts[i].iov_len < (size_t)left ? parts[i].iov_len : (size_t)left;
    note_bytes(fd, offset, parts[i].iov_base, some);
    offset += some;
    left -= some;
  }
  return size;
}

#define JOURNALED(fd, offset, parts, count, call)          \
  if (!is_tracked(fd)) return call;                        \
  pthread_mutex_lock(&lock);                               \
  off_t at = offset;                                       \
  ssize_t size = written(fd, at, parts, count, call);      \
  pthread_mutex_unlock(&lock);                             \
  return size;

static off_t position_of(int fd) { return lseek(fd, 0, SEEK_CUR); }

ssize_t write(int fd, const void *bytes, size_t length) {
  struct iovec part = {(void *)bytes, length};
  JOURNALED(fd, position_of(fd), &part, 1, REAL(write)(fd, bytes, length))
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
  JOURNALED(fd, position_of(fd), parts, count, REAL(writev)(fd, parts, count))
}
#define PWRITE(name)                                                          \
  ssize_t name(int fd, const void *bytes, size_t length, off_t offset) {      \
    struct iovec part = {(void *)bytes, length};                              \
    JOURNALED(fd, offset, &part, 1, REAL(name)(fd, bytes, length, offset))    \
  }
PWRITE(pwrite)
PWRITE(pwrite64)
#define PWRITEV(name)                                                                \
  ssize_t name(int fd, const struct iovec *parts, int count, off_t offset) {         \
    JOURNALED(fd, offset, parts, count, REAL(name)(fd, parts, count, offset))        \
  }
PWRITEV(pwritev)
PWRITEV(pwritev64)

#define TRUNCATE(name)                                                                                        \
  int name(int fd, off_t size) {                                                                              \
    pthread_mutex_lock(&lock);                                                                                \
    int result = REAL(name)(fd, size);                                                                        \
    if (!result && is_tracked(fd))                                                                            \
      dprintf(journal, "truncate\t%lu\t%lld\n", (unsigned long)files[fd].inode, (long long)size);             \
    pthread_mutex_unlock(&lock);                                                                              \
    return result;                                                                                            \
  }
TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)

static int is_failing(int fd) {
  struct stat info;
  const char *kind = getenv("POWER_LOSS_FAILING");
  if (!kind || fstat(fd, &info)) return 0;
  return !strcmp(kind, S_ISDIR(info.st_mode) ? "directories" : "files");
}

static int synced(int fd, int (*real)(int)) {
  if (!is_tracked(fd)) return real(fd);
  if (is_failing(fd)) {
    errno = EIO;
    return -1;
  }
  pthread_mutex_lock(&lock);
  unsigned long id = ++syncs;
  dprintf(journal, "begin\t%lu\t%lu\n", id, (unsigned long)files[fd].inode);
  pthread_mutex_unlock(&lock);
  int result = real(fd);
  pthread_mutex_lock(&lock);
  if (!result) dprintf(journal, "end\t%lu\n", id);
  pthread_mutex_unlock(&lock);
  return result;
}
int fsync(int fd) { return synced(fd, REAL(fsync)); }
int fdatasync(int fd) { return synced(fd, REAL(fdatasync)); }

int mkdir(const char *path, mode_t mode) {
  struct stat info;
  pthread_mutex_lock(&lock);
  int result = REAL(mkdir)(path, mode);
  int reason = errno;
  if (!result && is_below(path) && !stat(path, &info))
    dprintf(journal, "mkdir\t%lu\t%s\n", (unsigned long)info.st_ino, name_of(path));
  pthread_mutex_unlock(&lock);
  errno = reason;
  return result;
}

#define REMOVE(name)                                                                \
  int name(const char *path) {                                                      \
    pthread_mutex_lock(&lock);                                                      \
    int result = REAL(name)(path);                                                  \
    int reason = errno;                                                             \
    if (!result && is_below(path)) dprintf(journal, "remove\t%s\n", name_of(path)); \
    pthread_mutex_unlock(&lock);                                                    \
    errno = reason;                                                                 \
    return result;                                                                  \
  }
REMOVE(unlink)
REMOVE(rmdir)

#define MOVE(name)                                                                                               \
  int name(const char *from, const char *to) {                                                                   \
    pthread_mutex_lock(&lock);                                                                                   \
    int result = REAL(name)(from, to);                                                                           \
    int reason = errno;                                                                                          \
    if (!result && is_below(from) && is_below(to))                                                               \
      dprintf(journal, #name "\t%s\t%s\n", name_of(from), name_of(to));                                          \
    pthread_mutex_unlock(&lock);                                                                                 \
    errno = reason;                                                                                              \
    return result;                                                                                               \
  }
MOVE(rename)
MOVE(link)

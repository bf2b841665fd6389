/* Loaded before the C library in `make torture`: the Nth write or sync of a file in one folder goes wrong, and with
 * `sync-eio`, `write-eio`, `write-torn` and `write-enospc` every later one too, as a disk that dies or is full does it.
 * `write-short` writes half of what it was given, again and again: that is no error. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_long calls;

static int in_folder(int fd) {
    const char *folder = getenv("MEMCORE_SHIM_FOLDER");
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (!folder || length < 0)
        return 0;
    path[length] = 0;
    return strncmp(path, folder, strlen(folder)) == 0;
}

/* Whether this call is the Nth of those that the fault concerns, or a later one. */
static int is_time(int fd, const char *kind) {
    const char *fault = getenv("MEMCORE_SHIM_FAULT"), *at = getenv("MEMCORE_SHIM_AT");
    if (!fault || !at || strncmp(fault, kind, strlen(kind)) != 0 || !in_folder(fd))
        return 0;
    return atomic_fetch_add(&calls, 1) >= atol(at);
}

static ssize_t faulty_write(int fd, const void *bytes, size_t length, off64_t offset) {
    static ssize_t (*real)(int, const void *, size_t, off64_t);
    if (!real)
        real = dlsym(RTLD_NEXT, "pwrite64");
    if (!is_time(fd, "write"))
        return real(fd, bytes, length, offset);
    const char *fault = getenv("MEMCORE_SHIM_FAULT");
    if (strcmp(fault, "write-short") == 0)
        return real(fd, bytes, length > 1 ? length / 2 : length, offset);
    if (strcmp(fault, "write-torn") == 0 && real(fd, bytes, length / 2, offset) < 0)
        return -1;
    errno = strcmp(fault, "write-enospc") == 0 ? ENOSPC : EIO;
    return -1;
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) {
    return faulty_write(fd, bytes, length, offset);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
    return faulty_write(fd, bytes, length, offset);
}

static int faulty_sync(int fd, const char *name) {
    if (is_time(fd, "sync")) {
        errno = EIO;
        return -1;
    }
    int (*real)(int) = dlsym(RTLD_NEXT, name);
    return real(fd);
}

int fdatasync(int fd) { return faulty_sync(fd, "fdatasync"); }

int fsync(int fd) { return faulty_sync(fd, "fsync"); }

#define _GNU_SOURCE
#include "linux_walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

long na_directory_read(int directory, void *buffer, size_t size) {
    for (;;) {
        long n = syscall(SYS_getdents64, directory, buffer, size);
        if (n >= 0) return n;
        if (errno != EINTR) return -errno;
    }
}

size_t na_directory_next(const void *buffer, size_t filled, size_t offset, const char **name, size_t *length,
                         unsigned *type) {
    /* struct linux_dirent64: d_ino 8, d_off 8, d_reclen 2, d_type 1, d_name */
    const size_t fixed = 19;
    const char *base = buffer;
    if (offset > filled || filled - offset <= fixed) return 0;
    uint16_t record;
    memcpy(&record, base + offset + 16, sizeof record);
    if (record <= fixed || record > filled - offset) return 0;
    *type = (unsigned char)base[offset + 18];
    *name = base + offset + fixed;
    *length = strnlen(*name, record - fixed);
    return offset + record;
}

static void own_path(int descriptor, char path[64]) { snprintf(path, 64, "/proc/self/fd/%d", descriptor); }

long na_read_link(int directory, const char *name, char *buffer, size_t size) {
    ssize_t n = readlinkat(directory, name, buffer, size);
    return n >= 0 ? n : -errno;
}

int na_reopen(int descriptor, int flags) {
    char path[64];
    own_path(descriptor, path);
    for (;;) {
        int fd = open(path, flags | O_CLOEXEC);
        if (fd >= 0) return fd;
        if (errno != EINTR) return -errno;
    }
}

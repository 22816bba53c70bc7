#pragma once
#include <stddef.h>
#include <stdint.h>

/* O_PATH and O_CLOEXEC are hidden without _GNU_SOURCE. */
enum { NA_O_PATH = 010000000, NA_O_CLOEXEC = 02000000, NA_O_NOFOLLOW = 0400000, NA_O_DIRECTORY = 0200000 };

/* RESOLVE_… of openat2(2), from linux/openat2.h. */
enum {
    NA_RESOLVE_NO_XDEV = 0x01,
    NA_RESOLVE_NO_MAGICLINKS = 0x02,
    NA_RESOLVE_NO_SYMLINKS = 0x04,
    NA_RESOLVE_BENEATH = 0x08,
    NA_RESOLVE_IN_ROOT = 0x10,
};

/* openat2 has no wrapper in glibc. A descriptor, or -errno. */
int na_openat2(int directory, const char *path, uint64_t flags, uint64_t resolve);

/* openat is variadic. A descriptor, or -errno. */
int na_openat(int directory, const char *path, int flags);

/* f_type of fstatfs, whose Swift import differs between C libraries; or -errno (no magic number is negative). */
int64_t na_filesystem_magic(int descriptor);

/* What the agent asks of stat: st_dev is split as the kernel splits it. */
struct na_file_status {
    uint32_t device_major, device_minor;
    uint64_t inode;
    uint32_t mode;
    uint32_t node_major, node_minor;
    uint64_t size;
    uint32_t owner;
    uint64_t modified_ns, changed_ns; /* since the epoch */
};

/* fstat (path NULL or "") or fstatat; `follow` 0 leaves a last symbolic link alone. 0, or -errno. */
int na_status(int directory, const char *path, int follow, struct na_file_status *status);

/* poll without its variadic cousins and with errno returned: number of ready descriptors, 0 on time-out, or -errno. */
struct pollfd;
int na_poll_in(const int *descriptors, int count, int timeout_ms, uint32_t *ready_mask);

/* eventfd is not in Glibc's module: a counter that wakes a poll. */
int na_eventfd(void);
void na_eventfd_signal(int descriptor);
void na_eventfd_clear(int descriptor);

/* CLOCK_MONOTONIC and CLOCK_REALTIME in nanoseconds. */
uint64_t na_monotonic_ns(void);
uint64_t na_realtime_ns(void);

/* flock(LOCK_EX | LOCK_NB): 0, or -errno. */
int na_lock_exclusive(int descriptor);

#define _GNU_SOURCE
#include "linux_file.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int na_openat2(int directory, const char *path, uint64_t flags, uint64_t resolve) {
    struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = resolve};
    /* EAGAIN: the kernel lost a race with a rename while it kept the walk inside the root; openat2(2) says try again. */
    for (int attempt = 0;; attempt++) {
        long fd = syscall(SYS_openat2, directory, path, &how, sizeof how);
        if (fd >= 0) return (int)fd;
        if ((errno != EINTR && errno != EAGAIN) || attempt >= 16) return -errno;
    }
}

int na_openat(int directory, const char *path, int flags) {
    for (;;) {
        int fd = openat(directory, path, flags | O_CLOEXEC);
        if (fd >= 0) return fd;
        if (errno != EINTR) return -errno;
    }
}

int64_t na_filesystem_magic(int descriptor) {
    struct statfs status;
    return fstatfs(descriptor, &status) == 0 ? (int64_t)(uint64_t)status.f_type : -errno;
}

static uint64_t nanoseconds(const struct statx_timestamp *time) {
    return time->tv_sec < 0 ? 0 : (uint64_t)time->tv_sec * 1000000000u + time->tv_nsec;
}

int na_status(int directory, const char *path, int follow, struct na_file_status *status) {
    struct statx st;
    /* fstatat asks the server of a FUSE file system and waits for it, for good when it does not answer. What is asked here
     * (type, device, inode, size as last known) the kernel has. */
    int flags = AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT | (follow ? 0 : AT_SYMLINK_NOFOLLOW);
    if (path == NULL || path[0] == 0) flags |= AT_EMPTY_PATH;
    if (statx(directory, path == NULL ? "" : path, flags, STATX_BASIC_STATS, &st) != 0) return -errno;
    *status = (struct na_file_status){
        .device_major = st.stx_dev_major, .device_minor = st.stx_dev_minor, .inode = st.stx_ino, .mode = st.stx_mode,
        .node_major = st.stx_rdev_major, .node_minor = st.stx_rdev_minor, .size = st.stx_size, .owner = st.stx_uid,
        .modified_ns = nanoseconds(&st.stx_mtime), .changed_ns = nanoseconds(&st.stx_ctime),
    };
    return 0;
}

int na_poll_in(const int *descriptors, int count, int timeout_ms, uint32_t *ready_mask) {
    struct pollfd fds[8];
    if (count > 8) return -EINVAL;
    for (int i = 0; i < count; i++) fds[i] = (struct pollfd){.fd = descriptors[i], .events = POLLIN};
    *ready_mask = 0;
    int ready = poll(fds, (nfds_t)count, timeout_ms);
    if (ready < 0) return -errno;
    for (int i = 0; i < count; i++)
        if (fds[i].revents) *ready_mask |= 1u << i;
    return ready;
}

int na_eventfd(void) {
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return fd >= 0 ? fd : -errno;
}

void na_eventfd_signal(int descriptor) {
    uint64_t one = 1;
    ssize_t ignored = write(descriptor, &one, sizeof one);
    (void)ignored; /* EAGAIN: the counter is full, the waiter is awake anyway */
}

void na_eventfd_clear(int descriptor) {
    uint64_t count;
    ssize_t ignored = read(descriptor, &count, sizeof count);
    (void)ignored;
}

static uint64_t now(clockid_t clock) {
    struct timespec ts;
    clock_gettime(clock, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t na_monotonic_ns(void) { return now(CLOCK_MONOTONIC); }
uint64_t na_realtime_ns(void) { return now(CLOCK_REALTIME); }

int na_lock_exclusive(int descriptor) { return flock(descriptor, LOCK_EX | LOCK_NB) == 0 ? 0 : -errno; }

#define _GNU_SOURCE
#include "linux_cgroup.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

int na_poll_priority(int descriptor, int timeout_ms) {
    struct pollfd fd = {.fd = descriptor, .events = POLLPRI};
    int ready = poll(&fd, 1, timeout_ms);
    return ready < 0 ? -errno : ready;
}

int na_pidfd_open(pid_t pid) {
    long fd = syscall(SYS_pidfd_open, pid, 0);
    return fd < 0 ? -errno : (int)fd;
}

int na_pidfd_signal(int pidfd, int signal_number) {
    return syscall(SYS_pidfd_send_signal, pidfd, signal_number, NULL, 0) == 0 ? 0 : -errno;
}

int na_preallocate(int descriptor, int64_t bytes) {
    for (;;) {
        int error = posix_fallocate(descriptor, 0, bytes);
        if (error != EINTR) return -error;
    }
}

int64_t na_raise_descriptor_limit(int64_t wanted) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return -errno;
    if (limit.rlim_cur < (rlim_t)wanted && limit.rlim_cur < limit.rlim_max) {
        struct rlimit raised = {.rlim_cur = limit.rlim_max < (rlim_t)wanted ? limit.rlim_max : (rlim_t)wanted,
                                .rlim_max = limit.rlim_max};
        if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
    }
    return limit.rlim_cur > (rlim_t)wanted ? wanted : (int64_t)limit.rlim_cur;
}

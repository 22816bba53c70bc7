#define _GNU_SOURCE
#include "linux_cgroup.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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

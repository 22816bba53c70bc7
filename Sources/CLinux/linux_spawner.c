#define _GNU_SOURCE
#include "linux_spawner.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

extern char **environ;

enum { request_limit = 16384, word_limit = 64, pair_descriptor = 3 };

/* Room for one descriptor, aligned as a header of ancillary data. */
union ancillary {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr alignment;
};

static void close_from(unsigned int first) {
    /* Kernels before 5.9 have no close_range. */
    if (syscall(SYS_close_range, first, ~0u, 0) == 0) return;
    for (unsigned int descriptor = first; descriptor < 65536; descriptor++) close((int)descriptor);
}

static void set_signals(void (*handler)(int)) {
    signal(SIGINT, handler);
    signal(SIGTERM, handler);
    signal(SIGHUP, handler);
    signal(SIGPIPE, handler);
}

static int is_among(const char *word, const char *const verbs[]) {
    for (size_t i = 0; verbs[i]; i++)
        if (strcmp(word, verbs[i]) == 0) return 1;
    return 0;
}

static pid_t start(const char *path, char *const words[], int descriptor) {
    /* As fork, but a sister of this process: its parent waits for it, and it dies with the same thread. */
    pid_t pid = (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
    if (pid != 0) return pid < 0 ? -errno : pid;
    set_signals(SIG_DFL);
    if (dup2(descriptor, pair_descriptor) < 0) _exit(127);
    close_from(pair_descriptor + 1);
    execve(path, words, environ);
    _exit(127);
}

/* Passes the agent's sources and ends: the fork and the end are the process connector's, the node without a name (ENOENT,
 * whoever asks) audit's, the open fanotify's. */
static pid_t sing(const char *path, const char *number) {
    pid_t pid = (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
    if (pid != 0) return pid < 0 ? -errno : pid;
    close_from(0);
    int unsung = 0;
    syscall(SYS_mknodat, AT_FDCWD, "", S_IFBLK | 0600, (unsigned)strtoul(number, NULL, 10));
    if (errno != ENOENT) unsung |= NA_CANARY_NO_NODE;
    if (open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) < 0) unsung |= NA_CANARY_NO_FILE;
    _exit(unsung);
}

/* What one request asks for. -EINVAL when it is none. */
static pid_t answer(const char *path, const char *const verbs[], char *request, size_t size, int descriptor) {
    char *words[word_limit + 1];
    size_t count = 0;
    if (descriptor < 0 || size == 0 || request[size - 1] != 0) return -EINVAL;
    for (char *word = request; word < request + size; word += strlen(word) + 1) {
        if (count == word_limit) return -EINVAL;
        words[count++] = word;
    }
    words[count] = NULL;
    if (count == 4 && strcmp(words[1], "canary") == 0) return sing(words[2], words[3]);
    if (count < 2 || !is_among(words[1], verbs)) return -EINVAL;
    return start(path, words, descriptor);
}

static void serve(const char *path, const char *const verbs[]) {
    static char request[request_limit];
    for (;;) {
        union ancillary ancillary;
        struct iovec part = {.iov_base = request, .iov_len = sizeof request};
        struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &ancillary,
                                 .msg_controllen = sizeof ancillary};
        ssize_t size = recvmsg(pair_descriptor, &message, MSG_CMSG_CLOEXEC);
        if (size < 0 && errno == EINTR) continue;
        if (size <= 0) return;
        int descriptor = -1;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
            header->cmsg_len == CMSG_LEN(sizeof descriptor))
            memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
        pid_t pid = message.msg_flags & MSG_TRUNC ? -EINVAL : answer(path, verbs, request, (size_t)size, descriptor);
        if (descriptor >= 0) close(descriptor);
        if (send(pair_descriptor, &pid, sizeof pid, MSG_NOSIGNAL) != sizeof pid) return;
    }
}

pid_t na_spawner_start(const char *path, const char *const verbs[], int *socket) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) return -errno;
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0) {
        int error = errno;
        close(pair[0]);
        close(pair[1]);
        return -error;
    }
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        prctl(PR_SET_NAME, "na-spawner");
        set_signals(SIG_IGN);
        /* The service manager's messages are the parent's to send. */
        unsetenv("NOTIFY_SOCKET");
        unsetenv("WATCHDOG_USEC");
        unsetenv("WATCHDOG_PID");
        if (getppid() != parent || dup2(pair[1], pair_descriptor) < 0) _exit(1);
        close_from(pair_descriptor + 1);
        serve(path, verbs);
        _exit(0);
    }
    close(pair[1]);
    struct timeval limit = {.tv_sec = 2};
    setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    *socket = pair[0];
    return pid;
}

pid_t na_spawner_request(int socket, const char *words, size_t size, int descriptor) {
    union ancillary ancillary;
    struct iovec part = {.iov_base = (void *)words, .iov_len = size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &ancillary,
                             .msg_controllen = sizeof ancillary};
    memset(&ancillary, 0, sizeof ancillary);
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof descriptor);
    memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    ssize_t done;
    do done = sendmsg(socket, &message, MSG_NOSIGNAL);
    while (done < 0 && errno == EINTR);
    if (done < 0) return -errno;
    pid_t pid;
    do done = recv(socket, &pid, sizeof pid, 0);
    while (done < 0 && errno == EINTR);
    if (done == 0) return -EPIPE;
    if (done != sizeof pid) return done < 0 ? -errno : -EPROTO;
    return pid;
}

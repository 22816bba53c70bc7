#define _GNU_SOURCE
#include "linux_process.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

void na_set_thread_name(const char *name) {
    char cut[16];
    strncpy(cut, name, sizeof cut - 1);
    cut[sizeof cut - 1] = 0;
    pthread_setname_np(pthread_self(), cut);
}

int na_join_until(pthread_t thread, uint64_t monotonic_ns) {
    struct timespec limit = {.tv_sec = (time_t)(monotonic_ns / 1000000000u), .tv_nsec = (long)(monotonic_ns % 1000000000u)};
    return -pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &limit);
}

static volatile sig_atomic_t termination;

static void note_termination(int signal_number) {
    (void)signal_number;
    termination = 1;
}

void na_note_termination(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = note_termination;
    action.sa_flags = SA_RESTART;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
}

static volatile sig_atomic_t hangup;

static void note_hangup(int number) {
    (void)number;
    hangup = 1;
}

void na_note_hangup(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = note_hangup;
    action.sa_flags = SA_RESTART;
    sigaction(SIGHUP, &action, NULL);
}

int na_take_hangup(void) {
    if (!hangup) return 0;
    hangup = 0;
    return 1;
}

int na_termination_noted(void) { return termination; }

int na_set_thread_nice(int nice_value) {
    return setpriority(PRIO_PROCESS, (id_t)gettid(), nice_value) == 0 ? 0 : -errno;
}

int na_die_with_parent(pid_t expected_parent, int signal_number) {
    if (prctl(PR_SET_PDEATHSIG, signal_number) != 0) return -errno;
    return getppid() == expected_parent ? 0 : -ESRCH;
}

int na_no_new_privileges(void) { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? 0 : -errno; }

pid_t na_spawn(const char *path, char *const arguments[], int descriptor3) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    pid_t pid = -1;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    /* dup2 onto itself clears close-on-exec in posix_spawn, so descriptor3 may be 3 already. */
    int error = posix_spawn_file_actions_adddup2(&actions, descriptor3, 3);
    if (error == 0) error = posix_spawn(&pid, path, &actions, &attributes, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return error == 0 ? pid : -error;
}

int na_socket_pair(int descriptors[2]) {
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, descriptors) == 0 ? 0 : -errno;
}

int64_t na_peer_uid(int socket) {
    struct ucred credentials;
    socklen_t size = sizeof credentials;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return -errno;
    return credentials.uid;
}

static int unix_address(const char *path, struct sockaddr_un *address) {
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    if (strlen(path) >= sizeof address->sun_path) return -ENAMETOOLONG;
    strcpy(address->sun_path, path);
    return 0;
}

int na_listen_unix(const char *path) {
    struct sockaddr_un address;
    int error = unix_address(path, &address);
    if (error != 0) return error;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -errno;
    unlink(path);
    /* On Linux the mode of the socket's inode, from fchmod before bind and the umask, decides who may connect. */
    fchmod(fd, 0600);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || chmod(path, 0600) != 0 || listen(fd, 8) != 0) {
        error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

static void set_timeouts(int fd, int seconds) {
    struct timeval limit = {.tv_sec = seconds};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

int na_connect_unix(const char *path) {
    struct sockaddr_un address;
    int error = unix_address(path, &address);
    if (error != 0) return error;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    set_timeouts(fd, 10);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

int na_connect_notify(const char *address) {
    struct sockaddr_un name;
    int error = unix_address(address, &name);
    if (error != 0) return error;
    if (name.sun_path[0] == '@') name.sun_path[0] = 0;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -errno;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(address));
    if (connect(fd, (struct sockaddr *)&name, size) != 0) {
        error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

int na_accept(int socket, int seconds) {
    int fd = accept4(socket, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) return -errno;
    set_timeouts(fd, seconds);
    return fd;
}

int na_wait_exit(pid_t pid, int *status) {
    siginfo_t info;
    memset(&info, 0, sizeof info);
    if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG) != 0) return -errno;
    if (info.si_pid == 0) return 0;
    *status = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
    return 1;
}

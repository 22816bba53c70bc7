#define _GNU_SOURCE
#include "linux_sock_diag.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

struct foreign_socket {
    int namespace_descriptor;
    int result;
};

static int make_socket(void) {
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (fd < 0) return -errno;
    struct timeval limit = {.tv_sec = 2};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    return fd;
}

static void *make_in_namespace(void *argument) {
    struct foreign_socket *made = argument;
    made->result = setns(made->namespace_descriptor, CLONE_NEWNET) == 0 ? make_socket() : -errno;
    return NULL;
}

int na_sock_diag_socket(int namespace_descriptor) {
    if (namespace_descriptor < 0) return make_socket();
    struct foreign_socket made = {.namespace_descriptor = namespace_descriptor, .result = -EIO};
    pthread_t thread;
    int error = pthread_create(&thread, NULL, make_in_namespace, &made);
    if (error != 0) return -error;
    pthread_join(thread, NULL);
    return made.result;
}

int na_sock_diag_send(int socket, const void *request, size_t size) {
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    ssize_t n = sendto(socket, request, size, 0, (struct sockaddr *)&kernel, sizeof kernel);
    return n == (ssize_t)size ? 0 : n < 0 ? -errno : -EIO;
}

long na_sock_diag_receive(int socket, void *buffer, size_t size) {
    for (;;) {
        struct sockaddr_nl sender = {0};
        struct iovec part = {buffer, size};
        struct msghdr message = {.msg_name = &sender, .msg_namelen = sizeof sender, .msg_iov = &part, .msg_iovlen = 1};
        ssize_t n = recvmsg(socket, &message, 0);
        if (n < 0) {
            if (errno == EINTR) continue;
            return -errno;
        }
        if (sender.nl_pid != 0) continue;
        return message.msg_flags & MSG_TRUNC ? -EMSGSIZE : n;
    }
}

#define _GNU_SOURCE
#include "linux_netlink.h"
#include <errno.h>
#include <linux/audit.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int netlink_socket(int protocol, uint32_t groups, int receive_bytes) {
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
    if (fd < 0) return -errno;
    if (receive_bytes > 0 && setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive_bytes, sizeof receive_bytes) != 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = groups};
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

int na_audit_socket(uint32_t multicast_group, int receive_bytes) {
    return netlink_socket(NETLINK_AUDIT, multicast_group == 0 ? 0 : 1u << (multicast_group - 1), receive_bytes);
}

int na_netlink_join(int socket, uint32_t group) {
    return setsockopt(socket, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) == 0 ? 0 : -errno;
}

int na_netlink_leave(int socket, uint32_t group) {
    return setsockopt(socket, SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, &group, sizeof group) == 0 ? 0 : -errno;
}

int na_audit_claim(int socket, uint32_t pid) {
    struct {
        struct nlmsghdr header;
        struct audit_status status;
    } request = {.header = {.nlmsg_len = sizeof request, .nlmsg_type = AUDIT_SET, .nlmsg_flags = NLM_F_REQUEST},
                 .status = {.mask = AUDIT_STATUS_PID, .pid = pid}};
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    ssize_t sent = sendto(socket, &request, sizeof request, 0, (struct sockaddr *)&kernel, sizeof kernel);
    return sent == (ssize_t)sizeof request ? 0 : -errno;
}

static int tell_connector(int socket, uint32_t operation) {
    char request[sizeof(struct nlmsghdr) + sizeof(struct cn_msg) + sizeof operation];
    struct nlmsghdr header = {.nlmsg_len = sizeof request, .nlmsg_type = NLMSG_DONE};
    struct cn_msg message = {.id = {.idx = CN_IDX_PROC, .val = CN_VAL_PROC}, .len = sizeof operation};
    memcpy(request, &header, sizeof header);
    memcpy(request + sizeof header, &message, sizeof message);
    memcpy(request + sizeof header + sizeof message, &operation, sizeof operation);
    return send(socket, request, sizeof request, 0) == (ssize_t)sizeof request ? 0 : -errno;
}

int na_connector_listen(int socket) { return tell_connector(socket, PROC_CN_MCAST_LISTEN); }
int na_connector_leave(int socket) { return tell_connector(socket, PROC_CN_MCAST_IGNORE); }

int na_connector_socket(int receive_bytes) {
    int fd = netlink_socket(NETLINK_CONNECTOR, CN_IDX_PROC, receive_bytes);
    if (fd < 0) return fd;
    int error = na_connector_listen(fd);
    if (error == 0) return fd;
    close(fd);
    return error;
}

int64_t na_socket_drops(int socket) {
    uint32_t info[SK_MEMINFO_VARS] = {0};
    socklen_t size = sizeof info;
    if (getsockopt(socket, SOL_SOCKET, SO_MEMINFO, info, &size) != 0) return -errno;
    return info[SK_MEMINFO_DROPS];
}

int na_receive(int socket, void *base, size_t stride, uint32_t first, uint32_t slots, int count) {
    enum { most = 64 };
    struct mmsghdr messages[most];
    struct iovec parts[most];
    struct sockaddr_nl senders[most];
    if (count > most) count = most;
    for (int i = 0; i < count; i++) {
        char *slot = (char *)base + ((first + (uint32_t)i) % slots) * stride;
        parts[i] = (struct iovec){slot + sizeof(struct na_datagram), stride - sizeof(struct na_datagram)};
        messages[i] = (struct mmsghdr){.msg_hdr = {.msg_name = &senders[i], .msg_namelen = sizeof senders[i],
                                                   .msg_iov = &parts[i], .msg_iovlen = 1}};
    }
    int n = recvmmsg(socket, messages, (unsigned)count, MSG_DONTWAIT, NULL);
    if (n < 0) return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    for (int i = 0; i < n; i++) {
        struct na_datagram *slot = (void *)((char *)base + ((first + (uint32_t)i) % slots) * stride);
        slot->length = messages[i].msg_len;
        slot->sender_is_kernel = senders[i].nl_pid == 0;
    }
    return n;
}

int na_parse_process_event(const void *bytes, size_t length, struct na_process_event *event) {
    const size_t fixed = sizeof(struct nlmsghdr) + sizeof(struct cn_msg);
    if (length < fixed + 16) return 0;
    struct cn_msg message;
    memcpy(&message, (const char *)bytes + sizeof(struct nlmsghdr), sizeof message);
    if (message.id.idx != CN_IDX_PROC || message.id.val != CN_VAL_PROC) return 0;
    struct proc_event kernel;
    memset(&kernel, 0, sizeof kernel);
    size_t size = length - fixed;
    memcpy(&kernel, (const char *)bytes + fixed, size < sizeof kernel ? size : sizeof kernel);
    *event = (struct na_process_event){.what = NA_PROC_OTHER, .monotonic_ns = kernel.timestamp_ns,
                                       .sequence = message.seq, .cpu = kernel.cpu};
    switch ((unsigned)kernel.what) {
    case 0x00000001: /* PROC_EVENT_FORK; the names moved to another enum in newer headers */
        event->what = NA_PROC_FORK;
        event->pid = kernel.event_data.fork.child_pid;
        event->tgid = kernel.event_data.fork.child_tgid;
        event->parent_tgid = kernel.event_data.fork.parent_tgid;
        break;
    case 0x00000002:
        event->what = NA_PROC_EXEC;
        event->pid = kernel.event_data.exec.process_pid;
        event->tgid = kernel.event_data.exec.process_tgid;
        break;
    case 0x80000000:
        event->what = NA_PROC_EXIT;
        event->pid = kernel.event_data.exit.process_pid;
        event->tgid = kernel.event_data.exit.process_tgid;
        break;
    default: break;
    }
    return 1;
}

/* bare_reader - the C side of Tests/Kernel/bench.py: the yardstick, the load and the acts, each as small as it can be.
 *
 *   bare_reader read MIB      reads audit records as the audit daemon (unicast) and only counts them: the same socket buffer, the
 *                             same recvmmsg of 64 and the same niceness as the agent's reader. Says "ready"; answers each line on
 *                             stdin with "RECORDS DROPS"; gives the seat back and ends at the end of stdin.
 *   bare_reader load N PATH   N times openat(PATH, O_WRONLY) of a name that does not exist, as fast as it can. Prints
 *                             "BEGIN END" (CLOCK_MONOTONIC, ns).
 *   bare_reader act KIND N    one forbidden act; prints CLOCK_REALTIME (ns) just before its system call.
 *
 * Exit status: 0, or the errno of what failed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

enum { batch = 64, stride = 9 * 1024 };

static int failed(const char *what)
{
    int code = errno ? errno : 1;
    fprintf(stderr, "%s: %s\n", what, strerror(code));
    return code;
}

static long long now_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* ---- the reader ---- */

/* Makes this socket the place where the kernel sends records (pid 0: no longer). */
static int set_daemon(int socket, uint32_t pid)
{
    struct {
        struct nlmsghdr header;
        struct audit_status status;
    } request = {
        .header = {.nlmsg_len = sizeof request, .nlmsg_type = AUDIT_SET, .nlmsg_flags = NLM_F_REQUEST, .nlmsg_seq = 1},
        .status = {.mask = AUDIT_STATUS_PID, .pid = pid},
    };
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    ssize_t n = sendto(socket, &request, sizeof request, 0, (struct sockaddr *)&kernel, sizeof kernel);
    return n == (ssize_t)sizeof request ? 0 : -1;
}

static uint32_t drops(int socket)
{
    uint32_t info[SK_MEMINFO_VARS] = {0};
    socklen_t size = sizeof info;
    return getsockopt(socket, SOL_SOCKET, SO_MEMINFO, info, &size) == 0 ? info[SK_MEMINFO_DROPS] : UINT32_MAX;
}

static int read_records(int mebibytes)
{
    static char memory[batch][stride];
    static struct mmsghdr messages[batch];
    static struct iovec parts[batch];
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_AUDIT), bytes = mebibytes << 20;
    if (fd < 0) return failed("socket");
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) < 0) return failed("SO_RCVBUFFORCE");
    struct sockaddr_nl address = {.nl_family = AF_NETLINK};
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) return failed("bind");
    for (int i = 0; i < batch; i++) {
        parts[i] = (struct iovec){memory[i], stride};
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
    }
    setpriority(PRIO_PROCESS, 0, -15);
    if (set_daemon(fd, (uint32_t)getpid()) < 0) return failed("AUDIT_SET pid");
    puts("ready");
    fflush(stdout);
    unsigned long long records = 0, congestions = 0;
    while (1) {
        int n = recvmmsg(fd, messages, batch, MSG_DONTWAIT, NULL);
        if (n > 0) {
            for (int i = 0; i < n; i++) {
                const struct nlmsghdr *header = (const void *)memory[i];
                if (header->nlmsg_type >= AUDIT_FIRST_USER_MSG) records++;
                /* a refusal of AUDIT_SET: somebody else is the daemon */
                if (header->nlmsg_type == NLMSG_ERROR && messages[i].msg_len >= NLMSG_HDRLEN + sizeof(int)) {
                    int error = -((const struct nlmsgerr *)(memory[i] + NLMSG_HDRLEN))->error;
                    if (error != 0) { errno = error; return failed("AUDIT_SET pid"); }
                }
            }
            continue;
        }
        if (n < 0 && errno == ENOBUFS) { congestions++; continue; }
        if (n < 0 && errno != EAGAIN && errno != EINTR) return failed("recvmmsg");
        struct pollfd ready[2] = {{.fd = fd, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
        if (poll(ready, 2, -1) < 0 && errno != EINTR) return failed("poll");
        if (ready[1].revents != 0) {
            char line[64];
            if (read(0, line, sizeof line) <= 0) break;
            printf("%llu %llu\n", records, drops(fd) + congestions);
            fflush(stdout);
        }
    }
    return set_daemon(fd, 0) < 0 ? failed("AUDIT_SET pid 0") : 0;
}

/* ---- the load ---- */

static int load(long count, const char *path)
{
    long long begin = now_ns(CLOCK_MONOTONIC);
    for (long i = 0; i < count; i++) {
        if (syscall(SYS_openat, AT_FDCWD, path, O_WRONLY) >= 0 || errno != ENOENT) return failed(path);
    }
    printf("%lld %lld\n", begin, now_ns(CLOCK_MONOTONIC));
    return 0;
}

/* ---- the acts, in a container ---- */

static int act(const char *kind, int number)
{
    long result;
    long long before;
    if (!strcmp(kind, "environ")) {
        before = now_ns(CLOCK_REALTIME);
        result = syscall(SYS_openat, AT_FDCWD, "/proc/1/environ", O_RDONLY);
    } else if (!strcmp(kind, "uevent")) {
        before = now_ns(CLOCK_REALTIME);
        result = syscall(SYS_openat, AT_FDCWD, "/sys/kernel/uevent_helper", O_WRONLY);
        if (result < 0 && errno == ENOENT) result = 0;      /* the attempt counts */
    } else if (!strcmp(kind, "node")) {
        char path[64];
        snprintf(path, sizeof path, "/tmp/node%d", number);
        before = now_ns(CLOCK_REALTIME);
        result = syscall(SYS_mknodat, AT_FDCWD, path, S_IFBLK | 0600, makedev(7, number & 0xff));
    } else {
        fprintf(stderr, "no act %s\n", kind);
        return EINVAL;
    }
    if (result < 0) return failed(kind);
    printf("%lld\n", before);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && !strcmp(argv[1], "read")) return read_records(atoi(argv[2]));
    if (argc == 4 && !strcmp(argv[1], "load")) return load(atol(argv[2]), argv[3]);
    if (argc == 4 && !strcmp(argv[1], "act")) return act(argv[2], atoi(argv[3]));
    fprintf(stderr, "usage: %s read MIB | load N PATH | act environ|uevent|node N\n", argv[0]);
    return 64;
}

import Glibc

/// linux/netlink.h, which Swift's Glibc does not have.
private let NETLINK_ROUTE: CInt = 0
private let NETLINK_SOCK_DIAG: CInt = 4

extension CallGroup {
    /// From the moment every source is open: what opens them (netlink, fanotify, inotify, the control socket, the journal) is
    /// not in the list.
    static let sensor: [CallGroup] = [
        eventLoop, files,
        CallGroup(
            "libdispatch: signals", "SIGTERM and SIGINT as events, by swift-service-lifecycle", ["signalfd4"],
            source: "libdispatch 6.3.1 src/event/event_epoll.c; swift-service-lifecycle 2.13.0"),
        CallGroup(
            "KernelEvents: netlink", "many records a call; libaudit's requests are sendto, recvfrom and poll",
            ["recvmmsg"], source: "CLinux/linux_netlink.c; audit 3.0.9 lib/netlink.c"),
        CallGroup(
            "KernelEvents: fanotify", "marks of containers that start", ["fanotify_mark"],
            source: "CLinux/linux_fanotify.c"),
        CallGroup(
            "KernelEvents: cgroups", "where fanotify cannot watch the tree", ["inotify_add_watch"],
            source: "CgroupWatcher.swift"),
        CallGroup(
            "Responder: processes", "a process and not whoever has its number by now",
            ["pidfd_open", "pidfd_send_signal"], source: "CLinux/linux_cgroup.c"),
        CallGroup(
            "Spawner, children", "a request with a descriptor; their end", ["sendmsg", "waitid", "kill"],
            source: "CLinux/linux_{spawner,process}.c"),
        CallGroup(
            "Spawner, children", "frames and reports", "socketpair", family: (AF_UNIX, "AF_UNIX"),
            source: "CLinux/linux_process.c"),
        CallGroup(
            "Responder: records", "written whole before the deed; audit's settings in place of those before",
            ["pwrite64", "fdatasync", "fsync", "rename", "unlink", "mkdir"],
            source: "ActionJournal.swift, FileReading.swift, Configuration+Directories.swift"),
        CallGroup("Control socket", "clients, one after another", ["accept4"], source: "CLinux/linux_process.c"),
        CallGroup("Metrics", "what the agent itself uses", ["getrusage"], source: "MetricsSource.swift"),
    ]

    static let deliverer: [CallGroup] = [
        eventLoop,
        CallGroup(
            "SwiftNIO: sockets", "the endpoint", family: (AF_INET, "AF_INET"),
            source: "SwiftNIO 2.101.2 NIOPosix/BaseSocket.swift"),
        CallGroup(
            "SwiftNIO: sockets", "the endpoint", family: (AF_INET6, "AF_INET6"),
            source: "SwiftNIO 2.101.2 NIOPosix/BaseSocket.swift"),
        CallGroup(
            "SwiftNIO: sockets", "its event loop, the endpoint, connections",
            ["epoll_create", "bind", "listen", "accept4", "getsockname", "getpeername", "shutdown"],
            source: "SwiftNIO 2.101.2 NIOPosix/{SelectorEpoll,ServerSocket,BSDSocketAPIPosix}.swift"),
        CallGroup(
            "glibc: getaddrinfo", "asks which families of addresses the host has; the address is never a name",
            family: (AF_NETLINK, "AF_NETLINK"), protocol: (NETLINK_ROUTE, "NETLINK_ROUTE"),
            source: "glibc 2.36 sysdeps/posix/getaddrinfo.c, linux/check_pf.c"),
        CallGroup("glibc: getaddrinfo", "the answer", ["recvmsg"], source: "glibc 2.36 linux/check_pf.c"),
        CallGroup(
            "Foundation: time zone", "the date of an answer's header: where /etc/localtime leads", ["readlink"],
            source: "swift-foundation 6.3 TimeZone/TimeZone_Cache.swift; Hummingbird 2.28.1 Utils/DateCache.swift"),
        CallGroup("Deliverer", "ends with the sensor", ["getppid"], source: "CLinux/linux_process.c"),
    ]

    static let collector: [CallGroup] = [
        files,
        CallGroup(
            "Evidence: network", "sock_diag of the container's network", family: (AF_NETLINK, "AF_NETLINK"),
            protocol: (NETLINK_SOCK_DIAG, "NETLINK_SOCK_DIAG"), source: "CLinux/linux_sock_diag.c"),
        CallGroup(
            "Evidence: network", "one thread steps into the container's network namespace", ["setns", "recvmsg"],
            source: "CLinux/linux_sock_diag.c"),
        CallGroup(
            "Evidence: files", "what it reads, with attributes, without being led astray or held up",
            ["getxattr", "listxattr", "readlinkat", "fadvise64"], source: "CLinux/linux_{evidence,walk}.c"),
        CallGroup(
            "Evidence: the archive", "written beside its place, made whole, then named; libarchive and zstd use memory",
            ["fsync", "ftruncate", "renameat2", "linkat", "unlinkat", "fchmod", "flock", "memfd_create"],
            source: "CLinux/linux_evidence.c, OutputFile.swift; libarchive 3.6.2 archive_write*.c, zstd 1.5.4 lib"),
        CallGroup(
            "Evidence: who collects", "its user, host and starter", ["getuid", "geteuid", "getppid", "uname"],
            source: "CollectCommand.swift, CollectionContext.swift; glibc 2.36 sysdeps/posix/gethostname.c"),
        CallGroup(
            "Evidence: priority", "idle, out of the container's way", ["ioprio_set"],
            source: "CLinux/linux_evidence.c"),
    ]
}

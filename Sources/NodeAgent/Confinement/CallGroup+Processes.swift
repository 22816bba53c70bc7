import Glibc

/// linux/netlink.h, which Swift's Glibc does not have.
private let NETLINK_ROUTE: CInt = 0
private let NETLINK_SOCK_DIAG: CInt = 4
private let NETLINK_AUDIT: CInt = 9
private let NETLINK_CONNECTOR: CInt = 11

extension CallGroup {
    /// From the moment every source is open: what opens them is not in the list.
    static let sensor: [CallGroup] = [
        CallGroup(
            "KernelEvents: netlink", "audit's sockets; families of networks are refused",
            family: (AF_NETLINK, "AF_NETLINK"), protocol: (NETLINK_AUDIT, "NETLINK_AUDIT")),
        CallGroup(
            "KernelEvents: netlink", "the process connector", family: (AF_NETLINK, "AF_NETLINK"),
            protocol: (NETLINK_CONNECTOR, "NETLINK_CONNECTOR")),
        CallGroup("KernelEvents: netlink", "many records a call", ["recvmmsg"]),
        CallGroup("KernelEvents: fanotify", "marks of containers that start", ["fanotify_mark"]),
        CallGroup(
            "KernelEvents: cgroups", "where fanotify cannot watch the tree",
            ["inotify_add_watch", "inotify_rm_watch"]),
        CallGroup(
            "LinuxSystem: paths in a foreign root", "no link leads out of it",
            ["openat2", "name_to_handle_at", "statfs", "fstatfs"]),
        CallGroup(
            "ContainerInventory, Responder: processes", "a process and not whoever has its number by now",
            ["pidfd_open", "pidfd_send_signal", "waitid"]),
        CallGroup("LinuxSystem: files that hang", "a read that is given up after its time", ["tkill"]),
        CallGroup(
            "Responder: records", "written whole before the deed, in place of the one before",
            [
                "fsync", "fdatasync", "fallocate", "ftruncate", "rename", "renameat", "renameat2", "unlink",
                "unlinkat", "mkdir", "mkdirat", "chmod", "fchmod", "flock",
            ]),
        CallGroup("Control socket", "clients, one after another", ["accept4", "listen"]),
        CallGroup("Rights", "libcap reads what a process may do", ["capget"]),
    ]

    static let deliverer: [CallGroup] = [
        CallGroup("SwiftNIO: sockets", "the endpoint", family: (AF_INET, "AF_INET")),
        CallGroup("SwiftNIO: sockets", "the endpoint", family: (AF_INET6, "AF_INET6")),
        CallGroup(
            "glibc: getaddrinfo", "asks which families of addresses the host has", family: (AF_NETLINK, "AF_NETLINK"),
            protocol: (NETLINK_ROUTE, "NETLINK_ROUTE")),
        CallGroup("SwiftNIO: sockets", "connections", ["accept4", "accept", "listen", "recvmmsg", "sendmmsg"]),
    ]

    static let collector: [CallGroup] = [
        CallGroup(
            "Evidence: network", "sock_diag of the container's network", family: (AF_NETLINK, "AF_NETLINK"),
            protocol: (NETLINK_SOCK_DIAG, "NETLINK_SOCK_DIAG")),
        CallGroup("Evidence: network", "one thread steps into the container's network namespace", ["setns"]),
        CallGroup(
            "Evidence: files", "what it reads, with attributes and holes, without being led astray or held up",
            [
                "openat2", "statfs", "fstatfs", "getxattr", "lgetxattr", "fgetxattr", "listxattr", "llistxattr",
                "flistxattr", "fadvise64", "name_to_handle_at",
            ]),
        CallGroup(
            "Evidence: the archive", "written beside its place, made whole, then named; libarchive and zstd",
            [
                "fsync", "fdatasync", "ftruncate", "fallocate", "rename", "renameat", "renameat2", "link", "linkat",
                "unlink", "unlinkat", "mkdir", "mkdirat", "chmod", "fchmod", "flock", "memfd_create", "umask",
            ]),
        CallGroup(
            "Evidence: turn and priority", "idle, out of the container's way, within a bound of memory",
            ["ioprio_set", "ioprio_get", "setrlimit", "waitid", "pidfd_open", "tkill"]),
        CallGroup("Rights", "libcap reads what a process may do", ["capget"]),
    ]
}

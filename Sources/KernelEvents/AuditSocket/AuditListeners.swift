package import LinuxSystem

/// Who else gets a copy of every audit record and, as journald and auditd do, stores it.
package enum AuditListeners {
    /// Sockets in audit's multicast group beside those of `pid`. From `/proc/net/netlink`: a line a socket, with its
    /// protocol (9 is audit), its port (the pid of the first socket of a process) and its groups in hexadecimal.
    package static func others(than pid: Int32, table: String = "/proc/net/netlink") -> Int {
        sockets(table: table).count { $0.port != Int64(pid) }
    }

    /// All sockets in audit's multicast group, ours among them.
    package static func sockets(table: String = "/proc/net/netlink") -> [NetlinkSocket] {
        let sockets = (try? NetlinkSocket.read(table)) ?? []
        return sockets.filter { $0.protocolNumber == NetlinkSocket.audit && $0.groups & 1 != 0 }
    }
}

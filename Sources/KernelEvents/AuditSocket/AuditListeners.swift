private import LinuxSystem

/// Who else gets a copy of every audit record and, as journald and auditd do, stores it.
package enum AuditListeners {
    /// Sockets in audit's multicast group beside those of `pid`. From `/proc/net/netlink`: a line a socket, with its
    /// protocol (9 is audit), its port (the pid of the first socket of a process) and its groups in hexadecimal.
    package static func others(than pid: Int32, table: String = "/proc/net/netlink") -> Int {
        guard let bytes = try? readFile(table, limit: 4 << 20) else { return 0 }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").dropFirst().count { line in
            let columns = line.split(separator: " ")
            guard columns.count > 3, columns[1] == "9", let groups = UInt32(columns[3], radix: 16) else { return false }
            return groups & 1 != 0 && Int64(columns[2]) != Int64(pid)
        }
    }
}

/// One row of `/proc/net/netlink`: a netlink socket of this network namespace.
package struct NetlinkSocket: Equatable, Sendable {
    /// 9 is audit, 11 the connector.
    package var protocolNumber: UInt32
    /// The pid of a process for its first socket of a protocol; any number for the others, which is negative then.
    package var port: Int64
    /// Multicast groups, a bit each, group 1 the lowest.
    package var groups: UInt32
    package var inode: UInt64

    package static let audit: UInt32 = 9
    package static let connector: UInt32 = 11

    /// A row that does not parse is left out.
    package static func read(_ table: String = "/proc/net/netlink") throws(SystemError) -> [NetlinkSocket] {
        textLines(try readFile(table, limit: 4 << 20)).dropFirst().compactMap { row in
            let columns = row.split(separator: " ")
            guard columns.count > 9, let number = UInt32(columns[1]), let port = Int64(columns[2]),
                let groups = UInt32(columns[3], radix: 16), let inode = UInt64(columns[9])
            else { return nil }
            return NetlinkSocket(protocolNumber: number, port: port, groups: groups, inode: inode)
        }
    }

    /// The processes that have these sockets open, by inode. A socket that systemd made for a service is held by both. Looks
    /// at each descriptor of each process, which opens none of them.
    package static func holders(of inodes: Set<UInt64>, proc: ProcFilesystem = ProcFilesystem()) -> [UInt64: [Int32]] {
        guard !inodes.isEmpty else { return [:] }
        var holders: [UInt64: [Int32]] = [:]
        for pid in ((try? proc.processes()) ?? []).sorted() {
            for (_, link) in proc.descriptors(pid) where link.hasPrefix("socket:[") {
                guard let inode = UInt64(link.dropFirst(8).dropLast()), inodes.contains(inode),
                    holders[inode]?.last != pid
                else { continue }
                holders[inode, default: []].append(pid)
            }
        }
        return holders
    }
}

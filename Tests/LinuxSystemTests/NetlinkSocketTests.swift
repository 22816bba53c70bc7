import Foundation
import LinuxSystem
import Testing

/// `/proc/net/netlink` of 6.18 while one process had two audit sockets: only the first one's port is its pid.
@Suite struct NetlinkSocketTests {
    @Test func readsTheTable() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("netlink-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: file) }
        let table = """
            sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode
            00000000a1c29a41 9   3197174119 00000001 0        0        0     2        0        8123
            000000005874ae17 9   10751      00000000 0        0        0     2        0        8122
            000000006399f6b1 11  0          00000000 0        0        0     2        0        6
            cut 9

            """
        try Data(table.utf8).write(to: file)
        let sockets = try NetlinkSocket.read(file.path)
        #expect(sockets.map(\.inode) == [8123, 8122, 6])
        #expect(sockets.map(\.port) == [3_197_174_119, 10_751, 0])
        #expect(sockets.map(\.groups) == [1, 0, 0])
        #expect(sockets.map(\.protocolNumber) == [NetlinkSocket.audit, NetlinkSocket.audit, NetlinkSocket.connector])
    }

    /// By the links in /proc/PID/fd, in a tree of our own.
    @Test func findsWhoHoldsASocket() throws {
        let root = FileManager.default.temporaryDirectory.appendingPathComponent("proc-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: root) }
        for (pid, links) in [
            (1, ["socket:[8123]"]), (311, ["socket:[8123]", "/dev/null", "socket:[8123]", "socket:[9]"]),
        ] {
            let directory = root.appendingPathComponent("\(pid)/fd")
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
            for (number, link) in links.enumerated() {
                try FileManager.default.createSymbolicLink(
                    atPath: directory.appendingPathComponent("\(number)").path, withDestinationPath: link)
            }
        }
        let proc = ProcFilesystem(root: root.path)
        #expect(NetlinkSocket.holders(of: [8123, 77], proc: proc) == [8123: [1, 311]])
        #expect(NetlinkSocket.holders(of: [], proc: proc).isEmpty)
        #expect(proc.descriptors(4711).isEmpty)
    }
}

package import EventModel
private import SystemPackage

/// What the agent reads under /proc. The root can be another directory, so that tests bring a recorded tree.
package struct ProcFilesystem: Sendable {
    package let root: String

    package init(root: String = "/proc") { self.root = root }

    package func path(_ pid: Int32, _ entry: String) -> String { "\(root)/\(pid)/\(entry)" }

    /// `/proc/PID/stat`, the fields that identify a process.
    package struct Stat: Equatable, Sendable {
        package var comm: String
        package var state: Character
        package var parentPID: Int32
        /// Clock ticks since boot.
        package var startTime: UInt64
        /// It is on its way out (PF_EXITING in the kernel's word of flags), a zombie soon or already.
        package var isExiting: Bool
    }

    /// PF_EXITING of include/linux/sched.h.
    private static let exitingFlag: UInt64 = 0x4

    package func stat(_ pid: Int32) throws(SystemError) -> Stat {
        let bytes = try readFile(path(pid, "stat"), limit: 4096)
        // comm is chosen by the process and may hold blanks and parentheses: it ends at the last `)`.
        guard let open = bytes.firstIndex(of: UInt8(ascii: "(")), let close = bytes.lastIndex(of: UInt8(ascii: ")")),
            open < close
        else { throw SystemError("parse", path(pid, "stat"), errno: .invalidArgument) }
        let comm = String(decoding: bytes[(open + 1)..<close], as: UTF8.self)
        let fields = String(decoding: bytes[(close + 1)...], as: UTF8.self).split(separator: " ")
        guard fields.count > 19, let state = fields[0].first, let parentPID = Int32(fields[1]),
            let flags = UInt64(fields[6]), let startTime = UInt64(fields[19])
        else { throw SystemError("parse", path(pid, "stat"), errno: .invalidArgument) }
        return Stat(
            comm: comm, state: state, parentPID: parentPID, startTime: startTime,
            isExiting: flags & Self.exitingFlag != 0)
    }

    /// `/proc/PID/status`, the lines asked for: name to the rest of its line, trimmed.
    package func status(_ pid: Int32) throws(SystemError) -> [Substring: Substring] {
        // The kernel prints up to 65,536 groups before what comes after them.
        let bytes = try readFile(path(pid, "status"), limit: 1 << 20)
        var lines: [Substring: Substring] = [:]
        for line in textLines(bytes) {
            guard let colon = line.firstIndex(of: ":") else { continue }
            lines[line[..<colon]] = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
        }
        return lines
    }

    /// `/proc/PID/cgroup`: one `hierarchy:controllers:path` a line, as the host's cgroup namespace shows it.
    package func cgroups(_ pid: Int32) throws(SystemError) -> [CgroupMembership] {
        CgroupMembership.parse(try readFile(path(pid, "cgroup"), limit: 64 * 1024))
    }

    /// At most 4,096 bytes of the command line, split at its NULs. Empty for kernel threads and for zombies.
    ///
    /// - Throws: `timedOut` when the process does not let it be read within `CommandLineReading.patience`.
    package func commandLine(_ pid: Int32) throws(SystemError) -> [String] {
        let isOurs = (try? namespaceByLink(pid, "mnt")).map { $0 == CommandLineReading.ownMountNamespace } ?? false
        let bytes = try CommandLineReading.read(path(pid, "cmdline"), limit: 4096, isOurs: isOurs)
        guard !bytes.isEmpty else { return [] }
        return bytes.split(separator: 0, omittingEmptySubsequences: false)
            .dropLast(bytes.last == 0 ? 1 : 0)
            .map { String(decoding: $0, as: UTF8.self) }
    }

    /// The executable's file; for a deleted one or one in another mount namespace as well.
    package func executable(_ pid: Int32) throws(SystemError) -> FileID {
        try FileStatus.of(path(pid, "exe")).file
    }

    /// The namespace of a kind (`mnt`, `pid`, `net`, `user`) by its inode.
    package func namespace(_ pid: Int32, _ kind: String) throws(SystemError) -> NamespaceID {
        NamespaceID(try FileStatus.of(path(pid, "ns/\(kind)")).file.inode)
    }

    /// The same by the text of its link, `pid:[4026531836]`: a recorded tree can hold it.
    package func namespaceByLink(_ pid: Int32, _ kind: String) throws(SystemError) -> NamespaceID {
        let link = try readLink(path(pid, "ns/\(kind)"))
        guard link.hasPrefix("\(kind):["), link.hasSuffix("]"),
            let inode = UInt64(link.dropFirst(kind.utf8.count + 2).dropLast())
        else { return try namespace(pid, kind) }
        return NamespaceID(inode)
    }

    package func mounts(_ pid: Int32) throws(SystemError) -> [MountInfo] {
        MountInfo.parse(try readFile(path(pid, "mountinfo"), limit: 4 << 20))
    }

    /// Every thread group that exists now.
    package func processes() throws(SystemError) -> [Int32] {
        try directoryEntries(root).compactMap { Int32($0) }
    }
}

/// One line of `/proc/PID/cgroup`.
package struct CgroupMembership: Equatable, Sendable {
    /// 0 on cgroup v2.
    package var hierarchy: UInt32
    /// v1 controllers or `name=systemd`; empty on v2.
    package var controllers: [Substring]
    /// Below the hierarchy's root, beginning with `/`.
    package var path: String

    package static func parse(_ bytes: [UInt8]) -> [CgroupMembership] {
        textLines(bytes).compactMap { line in
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3, let hierarchy = UInt32(parts[0]) else { return nil }
            return CgroupMembership(
                hierarchy: hierarchy, controllers: parts[1].split(separator: ","), path: String(parts[2]))
        }
    }
}

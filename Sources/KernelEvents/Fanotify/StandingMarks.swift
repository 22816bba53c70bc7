package import EventModel
package import LinuxSystem

/// The marks of a process' fanotify groups, as the kernel tells them in `/proc/PID/fdinfo` (proc_pid_fdinfo(5)): what is
/// marked now, whatever the process believes.
package struct StandingMarks: Sendable, Equatable {
    /// The superblocks that are marked as a whole.
    package var superblocks: Set<DeviceNumber> = []
    /// Marks of every kind.
    package var count = 0

    package init() {}

    /// Nil when the process has no fanotify group, or may not be looked at.
    package static func read(of pid: Int32, proc: ProcFilesystem = ProcFilesystem()) -> StandingMarks? {
        var marks: StandingMarks?
        for (number, link) in proc.descriptors(pid) where link == "anon_inode:[fanotify]" {
            guard let bytes = try? readFile(proc.path(pid, "fdinfo/\(number)"), limit: 16 << 20) else { continue }
            marks = marks ?? StandingMarks()
            marks?.add(bytes)
        }
        return marks
    }

    /// `fanotify flags:0 event-flags:88000` is the group; `fanotify sdev:2f mflags:0 mask:20 ignored_mask:0` a superblock;
    /// `fanotify ino:…` a file, `fanotify mnt_id:…` a mount. Numbers are hexadecimal; a device is major * 2^20 + minor.
    package mutating func add(_ fdinfo: [UInt8]) {
        for line in textLines(fdinfo) where line.hasPrefix("fanotify ") && !line.hasPrefix("fanotify flags:") {
            count += 1
            guard line.hasPrefix("fanotify sdev:"),
                let device = UInt32(line.dropFirst("fanotify sdev:".utf8.count).prefix { $0 != " " }, radix: 16)
            else { continue }
            superblocks.insert(DeviceNumber(major: device >> 20, minor: device & 0xf_ffff))
        }
    }
}

/// A container's id as its runtime writes it: 64 hex digits for most engines, a name for raw runc and `ctr`.
///
/// Never cut short: engines use 64 digits, displays 12, and a key that is cut meets another container's.
package struct ContainerID: Hashable, Sendable, CustomStringConvertible {
    package let rawValue: String

    /// Nil unless `text` is an id that runc's own check accepts: letters, digits, `_ + - .`, at most 1,024 bytes, and no
    /// `.` or `..`. What a container or an annotation offers beyond that never becomes a path or a key.
    package init?(validating text: some StringProtocol) {
        let utf8 = text.utf8
        guard !utf8.isEmpty, utf8.count <= 1024, text != ".", text != ".." else { return nil }
        for byte in utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "+"), UInt8(ascii: "-"),
                UInt8(ascii: "."):
                continue
            default:
                return nil
            }
        }
        rawValue = String(text)
    }

    package var description: String { rawValue }

    /// The first 12 characters, as every engine's own listing shows them. For people only, never a key.
    package var short: String { rawValue.utf8.count == 64 ? String(rawValue.prefix(12)) : rawValue }
}

/// The number of a cgroup: on cgroup v2 the kernel's cgroup id, on v1 the inode number of the directory in its hierarchy.
package struct CgroupID: Hashable, Sendable {
    package let rawValue: UInt64
    package init(_ rawValue: UInt64) { self.rawValue = rawValue }
}

/// The inode number of a namespace (`/proc/PID/ns/…`); one number space for all kinds of namespaces.
package struct NamespaceID: Hashable, Sendable {
    package let rawValue: UInt64
    package init(_ rawValue: UInt64) { self.rawValue = rawValue }
}

/// A device number, split as the kernel prints it (`8:1`; in audit records `08:01`, both hexadecimal).
package struct DeviceNumber: Hashable, Sendable, CustomStringConvertible {
    package var major: UInt32
    package var minor: UInt32
    package init(major: UInt32, minor: UInt32) {
        self.major = major
        self.minor = minor
    }
    package var description: String { "\(major):\(minor)" }
}

/// One file of one superblock.
package struct FileID: Hashable, Sendable {
    package var device: DeviceNumber
    package var inode: UInt64
    package init(device: DeviceNumber, inode: UInt64) {
        self.device = device
        self.inode = inode
    }
}

/// One process for good: a pid is used again, a pid with its start time is not.
package struct ProcessKey: Hashable, Sendable {
    /// Thread group id in the initial pid namespace.
    package var pid: Int32
    /// Clock ticks since boot (field 22 of `/proc/PID/stat`); 0 where it could not be read.
    package var startTime: UInt64
    package init(pid: Int32, startTime: UInt64) {
        self.pid = pid
        self.startTime = startTime
    }
}

private import CLinux
package import EventModel
private import Glibc
private import SystemPackage

/// A file descriptor with one owner; closed when the owner ends.
package struct OwnedDescriptor: ~Copyable, Sendable {
    package let rawValue: CInt

    /// Takes over an open descriptor.
    package init(adopting rawValue: CInt) { self.rawValue = rawValue }

    // close is not retried: on Linux the descriptor is gone even when it reports EINTR.
    deinit { _ = close(rawValue) }

    /// Opens `path` below `directory` (AT_FDCWD when nil). Not for paths that a container can shape: see `ForeignRoot`.
    package init(
        opening path: String, below directory: borrowing OwnedDescriptor, flags: CInt
    ) throws(SystemError) {
        let descriptor = unsafe na_openat(directory.rawValue, path, flags)
        rawValue = try checked(descriptor, "open", path)
    }

    package init(opening path: String, flags: CInt) throws(SystemError) {
        let descriptor = unsafe na_openat(AT_FDCWD, path, flags)
        rawValue = try checked(descriptor, "open", path)
    }

    /// Device, inode, mode of the open object.
    package func status() throws(SystemError) -> FileStatus {
        var status = na_file_status()
        let result = unsafe na_status(rawValue, nil, 1, &status)
        _ = try checked(result, "fstat")
        return FileStatus(status)
    }

    /// statfs' f_type (`FilesystemMagic`).
    package func filesystemMagic() throws(SystemError) -> Int64 {
        try checked(na_filesystem_magic(rawValue), "fstatfs")
    }
}

/// The part of `struct stat` that the agent asks for.
package struct FileStatus: Equatable, Sendable {
    package let file: FileID
    package let mode: UInt32
    package let node: DeviceNumber
    package let size: UInt64
    package let owner: UInt32
    package let times: FileTimes

    fileprivate init(_ status: na_file_status) {
        file = FileID(
            device: DeviceNumber(major: status.device_major, minor: status.device_minor), inode: status.inode)
        mode = status.mode
        node = DeviceNumber(major: status.node_major, minor: status.node_minor)
        size = status.size
        owner = status.owner
        times = FileTimes(modified: status.modified_ns, changed: status.changed_ns)
    }

    package var isDirectory: Bool { mode & 0o170000 == 0o040000 }
    package var isBlock: Bool { mode & 0o170000 == 0o060000 }
    /// What overlayfs leaves in the upper layer for a file of a lower one that was deleted.
    package var isWhiteout: Bool { mode & 0o170000 == 0o020000 && node == DeviceNumber(major: 0, minor: 0) }
    package var isRegular: Bool { mode & 0o170000 == 0o100000 }

    /// stat(2) of a host path; `following` a last symbolic link or not.
    package static func of(_ path: String, following: Bool = true) throws(SystemError) -> FileStatus {
        var status = na_file_status()
        let result = unsafe na_status(AT_FDCWD, path, following ? 1 : 0, &status)
        _ = try checked(result, "stat", path)
        return FileStatus(status)
    }
}

/// f_type of the file systems that carry the host's controls, from linux/magic.h.
package enum FilesystemMagic {
    package static let procfs: Int64 = 0x9fa0
    package static let sysfs: Int64 = 0x6265_6572
    package static let cgroup: Int64 = 0x0027_e0eb
    package static let cgroup2: Int64 = 0x6367_7270

    package static func kind(_ magic: Int64) -> FilesystemKind {
        switch magic {
        case procfs: .procfs
        case sysfs: .sysfs
        case cgroup: .cgroup
        case cgroup2: .cgroup2
        default: .other
        }
    }
}

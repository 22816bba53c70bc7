private import CLinux
package import EventModel
package import LinuxSystem

/// What a collection asks of a file system object; never waits for a FUSE or NFS server (statx, AT_STATX_DONT_SYNC).
package struct ObjectStatus: Sendable, Equatable {
    package var file: FileID
    package var mode: UInt32
    package var size: UInt64
    package var links: UInt32
    package var owner: UInt32
    /// The device that a block or character node stands for.
    package var node: DeviceNumber
    /// Nanoseconds since the epoch.
    package var modified: UInt64
    package var changed: UInt64

    /// Of an open descriptor, O_PATH as well.
    package init(of descriptor: borrowing OwnedDescriptor) throws(SystemError) {
        try self.init(descriptor: descriptor.rawValue)
    }

    init(descriptor: CInt) throws(SystemError) {
        var object = na_object_status()
        _ = try checked(unsafe na_object_status(descriptor, 1, &object), "statx")
        file = FileID(
            device: DeviceNumber(major: object.device_major, minor: object.device_minor), inode: object.inode)
        mode = object.mode
        size = object.size
        links = object.links
        owner = object.uid
        node = DeviceNumber(major: object.node_major, minor: object.node_minor)
        modified = Self.nanoseconds(object.modified_s, object.modified_ns)
        changed = Self.nanoseconds(object.changed_s, object.changed_ns)
    }

    /// A file's times are its owner's to set, up to the ends of what 64 bits hold.
    private static func nanoseconds(_ seconds: Int64, _ rest: UInt32) -> UInt64 {
        guard seconds >= 0 else { return 0 }
        let (product, isOver) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
        return isOver || product > .max - UInt64(rest) ? .max : product + UInt64(rest)
    }

    package var isDirectory: Bool { mode & 0o170000 == 0o040000 }
    package var isRegular: Bool { mode & 0o170000 == 0o100000 }
    package var isSymbolicLink: Bool { mode & 0o170000 == 0o120000 }
    package var isSetUserID: Bool { isRegular && mode & 0o4000 != 0 }
    /// overlayfs: the lower object of this name is deleted.
    package var isWhiteout: Bool { mode & 0o170000 == 0o020000 && node == DeviceNumber(major: 0, minor: 0) }

    /// The word for it in a change list.
    package var typeName: StaticString {
        switch mode & 0o170000 {
        case 0o100000: "file"
        case 0o040000: "directory"
        case 0o120000: "symlink"
        case 0o010000: "fifo"
        case 0o140000: "socket"
        case 0o020000: "char"
        case 0o060000: "block"
        default: "none"
        }
    }
}

/// An object that was opened (O_PATH), and what it is.
package struct OpenedObject: ~Copyable {
    package let descriptor: OwnedDescriptor
    package let status: ObjectStatus

    package init(_ descriptor: consuming OwnedDescriptor) throws(SystemError) {
        status = try ObjectStatus(of: descriptor)
        self.descriptor = descriptor
    }

    consuming func taken() -> OwnedDescriptor { descriptor }
}

private import CLinux
package import LinuxSystem

/// A notification group in fd mode: marks come from one thread, events are read by another.
package final class FanotifyGroup: Sendable {
    private let descriptor: OwnedDescriptor

    package init(features: FanotifyFeatures) throws(SystemError) {
        descriptor = OwnedDescriptor(
            adopting: try checked(na_fanotify_init(features.initFlags), "fanotify_init"))
    }

    var rawDescriptor: CInt { descriptor.rawValue }

    /// Marks the whole superblock of a checked object.
    func markFilesystem(of object: borrowing OwnedDescriptor, mask: UInt64) throws(SystemError) {
        let result = na_fanotify_add(descriptor.rawValue, UInt32(NA_FAN_MARK_FILESYSTEM), mask, object.rawValue)
        _ = try checked(result, "fanotify_mark")
    }

    /// Has the opens of one file told.
    package func markOpens(of object: borrowing OwnedDescriptor) throws(SystemError) {
        try markInode(of: object, mask: UInt64(NA_FAN_OPEN))
    }

    /// Marks one file.
    func markInode(of object: borrowing OwnedDescriptor, mask: UInt64) throws(SystemError) {
        let result = na_fanotify_add(descriptor.rawValue, UInt32(NA_FAN_MARK_INODE), mask, object.rawValue)
        _ = try checked(result, "fanotify_mark")
    }
}

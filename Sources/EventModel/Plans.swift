/// What the loaded rules need from audit. Detection makes it, KernelEvents turns it into kernel rules.
package struct AuditPlan: Sendable, Equatable {
    /// Calls to hear of whole, whatever their arguments (mount and its new family, mknod).
    package var calls: Set<EventType> = []
    /// A rule looks at calls of mount(2) that mount no file system as well: bind mounts, and changes of how mounts
    /// propagate, of which a container's start has dozens.
    package var everyMount = false
    /// Opens of a block device node, under any name.
    package var blockDeviceOpens = false
    /// Absolute host paths below /sys whose opens for writing are wanted, also where the file does not exist.
    package var writtenPaths: Set<String> = []
    /// Of calls of which some are wanted only: values of the first argument, ptrace's requests and socket's families.
    package var firstArguments: [EventType: Set<UInt32>] = [:]
    /// Of calls of which those are wanted only that return less than this: dup's descriptors.
    package var resultsBelow: [EventType: UInt32] = [:]
    /// Host files and directories whose opens are wanted, and which.
    package var files: [WatchedFile: AccessMode] = [:]
    /// Opens that cut a regular file off, whichever it is.
    package var truncations = false
    /// Opens for writing of regular files on file systems without a device of their own, as containers have.
    package var deviceLessWrites = false

    package init() {}
    package var isEmpty: Bool { self == AuditPlan() }

    /// A file, or a directory with what lies below.
    package struct WatchedFile: Sendable, Hashable {
        /// Absolute, of the host.
        package var path: String
        package var isDirectory: Bool
        package init(path: String, isDirectory: Bool) {
            self.path = path
            self.isDirectory = isDirectory
        }
    }

    package struct AccessMode: OptionSet, Sendable, Hashable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }
        /// As the kernel numbers what a rule asks for (AUDIT_PERM_WRITE, AUDIT_PERM_READ).
        package static let write = AccessMode(rawValue: 2)
        package static let read = AccessMode(rawValue: 4)
    }
}

/// What is to be marked in each container. Detection says which files its rules name, KernelEvents sets the marks.
package struct MarkPlan: Sendable, Equatable {
    /// Paths below a procfs' root whose opens are wanted, `1/environ`.
    package var procfs: Set<String> = []
    /// Paths below a sysfs' root whose writes are wanted, `kernel/uevent_helper`.
    package var sysfs: Set<String> = []

    package init() {}
    package var isEmpty: Bool { procfs.isEmpty && sysfs.isEmpty }
}

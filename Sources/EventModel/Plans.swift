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

    package init() {}
    package var isEmpty: Bool { calls.isEmpty && !blockDeviceOpens && writtenPaths.isEmpty }
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

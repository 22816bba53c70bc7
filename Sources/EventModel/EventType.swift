/// What happened, in Falco's names of event types (`evt.type`); the raw value orders the index of rules by type.
package enum EventType: UInt8, CaseIterable, Sendable {
    case open, openat, openat2, creat
    case openByHandleAt
    case mknod, mknodat
    case mount, umount2, fsopen, fsconfig, fsmount, moveMount, openTree, mountSetattr
    case execve, execveat
    /// Content of a file was changed (a fanotify FAN_MODIFY).
    case write
    /// A container started or was found running (`evt.type = container`, as Falco's container plugin has it).
    case container
    /// A process of a container is outside its container's cgroup now (`evt.type = cgroup_leave`).
    case cgroupLeave
    /// A call that no rule names; it ends in no index.
    case other

    /// The name in the rule language.
    package var name: String {
        switch self {
        case .open: "open"
        case .openat: "openat"
        case .openat2: "openat2"
        case .creat: "creat"
        case .openByHandleAt: "open_by_handle_at"
        case .mknod: "mknod"
        case .mknodat: "mknodat"
        case .mount: "mount"
        case .umount2: "umount2"
        case .fsopen: "fsopen"
        case .fsconfig: "fsconfig"
        case .fsmount: "fsmount"
        case .moveMount: "move_mount"
        case .openTree: "open_tree"
        case .mountSetattr: "mount_setattr"
        case .execve: "execve"
        case .execveat: "execveat"
        case .write: "write"
        case .container: "container"
        case .cgroupLeave: "cgroup_leave"
        case .other: "other"
        }
    }

    package init?(name: some StringProtocol) {
        guard let type = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = type
    }

    /// Whether the event opens a file by path.
    package var isOpen: Bool {
        switch self {
        case .open, .openat, .openat2, .creat: true
        default: false
        }
    }
}

/// Which of the kernel's interfaces told of an event.
package enum EventSource: UInt8, Sendable, CaseIterable {
    case audit, fanotify, connector, inventory

    package var name: String {
        switch self {
        case .audit: "audit"
        case .fanotify: "fanotify"
        case .connector: "connector"
        case .inventory: "inventory"
        }
    }
}

/// The kind of file system that an object lies on, as far as detection asks.
package enum FilesystemKind: UInt8, Sendable {
    case unknown, procfs, sysfs, cgroup, cgroup2, other

    /// The type's name in mountinfo; `<NA>` rules see nothing for `unknown` and `other`.
    package var name: String? {
        switch self {
        case .procfs: "proc"
        case .sysfs: "sysfs"
        case .cgroup: "cgroup"
        case .cgroup2: "cgroup2"
        case .unknown, .other: nil
        }
    }
}

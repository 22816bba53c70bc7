/// What happened, in Falco's names of event types (`evt.type`); the raw value orders the index of rules by type.
package enum EventType: UInt8, CaseIterable, Sendable {
    case open, openat, openat2, creat
    case openByHandleAt
    case mknod, mknodat
    case mount, umount2, fsopen, fsconfig, fsmount, moveMount, openTree, mountSetattr
    case execve, execveat
    case clone, clone3, unshare, setns
    case setuid, setgid, capset
    case kill, ptrace
    case initModule, finitModule
    case socket, connect, accept, accept4, bind, listen, sendto, sendmsg
    case dup, dup2, dup3
    case symlink, symlinkat, link, linkat
    case unlink, unlinkat, rmdir, mkdir, mkdirat
    case rename, renameat, renameat2
    case chmod, fchmod, fchmodat
    case memfdCreate, userfaultfd, bpf, ioUringSetup
    /// Content of a file was changed (a fanotify FAN_MODIFY).
    case write
    /// A container started or was found running (`evt.type = container`, as Falco's container plugin has it).
    case container
    /// A process of a container is outside its container's cgroup now (`evt.type = cgroup_leave`).
    case cgroupLeave
    /// A call that no rule names; it ends in no index.
    case other

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

    /// Whether the event starts a program.
    package var isExec: Bool { self == .execve || self == .execveat }

    /// Whether the event is about a socket.
    package var isNetwork: Bool {
        switch self {
        case .socket, .connect, .accept, .accept4, .bind, .listen, .sendto, .sendmsg: true
        default: false
        }
    }

    /// Whether the event gives a descriptor another number.
    package var isDuplication: Bool { self == .dup || self == .dup2 || self == .dup3 }

    /// Whether the event makes a link; what it leads to is `KernelEvent.target`.
    package var isLink: Bool {
        switch self {
        case .symlink, .symlinkat, .link, .linkat: true
        default: false
        }
    }

    /// Whether the event moves a file from `KernelEvent.target` to `KernelEvent.name`.
    package var isRename: Bool { self == .rename || self == .renameat || self == .renameat2 }
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

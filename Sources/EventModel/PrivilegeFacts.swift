/// The kinds of namespace that a container has of its own or shares with the host (namespaces(7)).
package enum NamespaceKind: String, Sendable, CaseIterable {
    case pid, network, ipc, uts, mount, cgroup, user

    /// The link's name in `/proc/PID/ns`.
    package var procName: String {
        switch self {
        case .network: "net"
        case .mount: "mnt"
        default: rawValue
        }
    }
}

/// One row of `/proc/PID/uid_map`, of `linux.uidMappings`.
package struct IDMapping: Sendable, Equatable {
    package var inside: UInt32
    package var outside: UInt32
    package var count: UInt32

    package init(inside: UInt32, outside: UInt32, count: UInt32) {
        self.inside = inside
        self.outside = outside
        self.count = count
    }
}

/// A file or directory of the host that a container sees.
package struct HostMount: Sendable, Equatable {
    /// The host's path.
    package var source: String
    /// The path in the container.
    package var destination: String
    package var isReadOnly: Bool
    /// Mounts made on the host below it appear in the container and, worse, the other way round (`rshared`).
    package var isShared: Bool

    package init(source: String, destination: String, isReadOnly: Bool, isShared: Bool = false) {
        self.source = source
        self.destination = destination
        self.isReadOnly = isReadOnly
        self.isShared = isShared
    }
}

/// What of the engines' directories on the host is one container's own.
package struct OwnDirectories: Sendable, Equatable {
    /// Its id, and its sandbox' or pod's: engines name directories by them.
    package var ids: Set<String>
    /// Its root file system, absolute; nil where that is not known.
    package var root: String?
    /// The Kubernetes pod's; nil where that is not known.
    package var podUID: String?

    package init(ids: Set<String> = [], root: String? = nil, podUID: String? = nil) {
        self.ids = ids
        self.root = root
        self.podUID = podUID
    }
}

/// Which system calls a seccomp filter lets through, as far as escapes need them.
package struct SeccompProfile: Sendable, Equatable {
    /// The calls that are allowed whatever their arguments; of `callsOfInterest` only.
    package var allowed: Set<String>

    package init(allowed: Set<String>) { self.allowed = allowed }

    /// What the escapes that capabilities open are made with.
    package static let callsOfInterest = [
        "mount", "init_module", "finit_module", "open_by_handle_at", "ptrace", "bpf", "iopl", "mknodat",
    ]
}

/// One view of a container's rights: the runtime's declaration, or what the kernel shows. Nil: this view does not tell.
package struct PrivilegeView: Sendable, Equatable {
    /// The bounding set of the first process: nothing in the container gets more by execve(2).
    package var capabilities: CapabilitySet?
    /// Namespaces that are the host's.
    package var hostNamespaces: Set<NamespaceKind>?
    /// Of its own user namespace; empty for the host's.
    package var userMappings: [IDMapping]?
    /// Parts of /proc or /sys are hidden or locked.
    package var hasMaskedPaths: Bool?
    /// /sys is mounted, read-only.
    package var hasReadOnlySysfs: Bool?
    package var isRootReadOnly: Bool?
    /// A filter is in force (mode 2), or a profile is declared.
    package var hasSeccomp: Bool?
    package var noNewPrivileges: Bool?
    /// AppArmor's profile or SELinux' context; empty or `unconfined` is none.
    package var label: String?
    /// Of the first process, as the container counts.
    package var userID: UInt32?
    package var mounts: [HostMount]?

    package init() {}
}

/// What is known of a container's rights (peers' algorithms and their false positives are in docs/posture.md).
package struct PrivilegeFacts: Sendable, Equatable {
    /// The engine's own word, and where it stands; nil where it has none.
    package var declared: Bool?
    package var declaredBy: String?
    /// The bundle's config.json, with what the engine's files add.
    package var declaration = PrivilegeView()
    /// /proc of the first process, once it runs its own program; empty before.
    package var kernel = PrivilegeView()
    package var own = OwnDirectories()
    /// A user's engine made it.
    package var isRootless = false
    /// CapBnd of the host's pid 1.
    package var hostCapabilities: CapabilitySet = []
    /// A security module that labels processes is at work on this host.
    package var hostHasLabels = false

    // Only the declaration has these.
    package var seccomp: SeccompProfile?
    /// `linux.devices`, block devices alone.
    package var blockDevices: [DeviceNumber] = []
    /// Those of them, whole disks included, on which a file system of the host is mounted.
    package var hostDisks: [DeviceNumber] = []
    /// /dev/mem is among its devices.
    package var hasMemoryDevice = false
    /// Every block device may be read or written (`linux.resources.devices`).
    package var allowsAllBlockDevices: Bool?
    /// The majors of which every block device may be (`--device-cgroup-rule 'b 8:* rwm'`), where not all are allowed.
    package var blockMajors: [UInt32] = []
    /// Disks as in `hostDisks` that the rules allow without a node given: who may make nodes has them.
    package var ruledHostDisks: [DeviceNumber] = []
    /// The rules allow /dev/mem without a node given.
    package var rulesAllowMemory = false
    package var memoryLimit: Int64?
    package var cpuShares: UInt64?
    package var processLimit: Int64?
    package var sysctls: [String] = []
    /// What docker's hostconfig.json tells and no other engine's files do.
    package var docker: DockerFacts?

    package init() {}

    package struct DockerFacts: Sendable, Equatable {
        package var networkMode: String?
        package var restartPolicy: String?
        package var restartAttempts: Int?
        /// Address ("" for all) and port on the host.
        package var ports: [PublishedPort] = []
        package var hasHealthCheck: Bool?
        package init() {}
    }

    package struct PublishedPort: Sendable, Equatable {
        package var address: String
        package var port: UInt16
        package init(address: String, port: UInt16) {
            self.address = address
            self.port = port
        }
    }

    // MARK: Both views: the kernel's, and the declaration's where the kernel's is not known

    package var capabilities: CapabilitySet? { known(\.capabilities) }
    /// The declaration's first: of a mount below /proc the kernel does not say what it is for.
    package var hasMaskedPaths: Bool? { declaration.hasMaskedPaths ?? kernel.hasMaskedPaths }
    package var hasReadOnlySysfs: Bool? { known(\.hasReadOnlySysfs) }
    package var isRootReadOnly: Bool? { known(\.isRootReadOnly) }
    package var hasSeccomp: Bool? { known(\.hasSeccomp) }
    package var noNewPrivileges: Bool? { known(\.noNewPrivileges) }
    package var label: String? { known(\.label) }
    package var userID: UInt32? { known(\.userID) }
    /// What either view has: a first process that has changed its root shows less.
    package var mounts: [HostMount] {
        let seen = kernel.mounts ?? []
        return seen
            + (declaration.mounts ?? []).filter { told in !seen.contains { $0.destination == told.destination } }
    }

    /// A process can leave the namespaces that its container was given; the container has them still. A rootless engine
    /// names no user namespace: it is in one itself.
    package func sharesHost(_ kind: NamespaceKind) -> Bool? {
        let seen = kernel.hostNamespaces?.contains(kind)
        // Before the kernel's view is known, its own runtime's being at work still.
        if isRootless, kind == .user, seen == nil { return false }
        guard !isRootless, seen == false, declaration.hostNamespaces?.contains(kind) == true else {
            return seen ?? declaration.hostNamespaces?.contains(kind)
        }
        return true
    }

    /// A mandatory access control profile that is not "unconfined"; nil where the label is not known.
    package var isConfined: Bool? {
        guard hostHasLabels else { return false }
        return label.map { Self.confines($0) }
    }

    package static func confines(_ label: String) -> Bool {
        let words = label.split(separator: ":")
        // SELinux: the types that container-selinux and libvirt confine; an engine's own type confines nothing.
        if words.count >= 3 {
            let type = words[2]
            return (type.hasPrefix("container_") && type.hasSuffix("_t") && type != "container_runtime_t")
                || type.hasPrefix("svirt_")
        }
        return !label.isEmpty && !label.hasPrefix("unconfined") && !label.hasSuffix("(complain)")
            && !label.hasSuffix("(unconfined)")
    }

    /// Every capability that the host itself has.
    package var hasAllCapabilities: Bool? {
        guard let capabilities, !hostCapabilities.isEmpty else { return nil }
        return capabilities.covers(hostCapabilities)
    }

    private func known<T>(_ field: KeyPath<PrivilegeView, T?>) -> T? {
        kernel[keyPath: field] ?? declaration[keyPath: field]
    }
}

package import EventModel
package import LinuxSystem

/// What tells the host's own processes from a container's. Read once at start.
package struct HostIdentity: Sendable, Equatable {
    package var mountNamespace: NamespaceID
    package var pidNamespace: NamespaceID
    package var networkNamespace: NamespaceID
    package var userNamespace: NamespaceID
    /// The host's root directory.
    package var root: FileID
    /// ipc, uts and cgroup; one that could not be read is left out.
    package var namespaces: [NamespaceKind: NamespaceID]
    /// CapBnd of pid 1: what "all capabilities" means here. Kernels differ in their number, hosts drop some.
    package var boundingCapabilities: CapabilitySet
    /// AppArmor or SELinux labels processes here.
    package var hasLabels: Bool
    /// The host's OCI runtimes by device and inode, symbolic links resolved.
    package var runtimeBinaries: Set<FileID>

    package init(
        mountNamespace: NamespaceID, pidNamespace: NamespaceID, networkNamespace: NamespaceID,
        userNamespace: NamespaceID, root: FileID, boundingCapabilities: CapabilitySet,
        runtimeBinaries: Set<FileID>, namespaces: [NamespaceKind: NamespaceID] = [:], hasLabels: Bool = false
    ) {
        self.mountNamespace = mountNamespace
        self.pidNamespace = pidNamespace
        self.networkNamespace = networkNamespace
        self.userNamespace = userNamespace
        self.root = root
        self.boundingCapabilities = boundingCapabilities
        self.namespaces = namespaces
        self.hasLabels = hasLabels
        self.runtimeBinaries = runtimeBinaries
    }

    func namespace(_ kind: NamespaceKind) -> NamespaceID? {
        switch kind {
        case .mount: mountNamespace
        case .pid: pidNamespace
        case .network: networkNamespace
        case .user: userNamespace
        case .ipc, .uts, .cgroup: namespaces[kind]
        }
    }

    /// Where packages and distributions put an OCI runtime (Inspektor Gadget's list, peers.md 3b).
    package static let knownRuntimePaths = [
        "/bin/runc", "/usr/bin/runc", "/usr/sbin/runc", "/usr/local/bin/runc", "/usr/local/sbin/runc",
        "/usr/lib/cri-o-runc/sbin/runc", "/usr/libexec/crio/runc", "/usr/libexec/crio/crun", "/usr/bin/crun",
        "/usr/local/bin/crun", "/usr/local/sbin/crun", "/usr/bin/youki", "/usr/local/bin/youki",
        "/var/lib/rancher/k3s/data/current/bin/runc", "/var/lib/rancher/rke2/bin/runc", "/var/lib/k0s/bin/runc",
        "/x86_64-bottlerocket-linux-gnu/sys-root/usr/bin/runc",
        "/aarch64-bottlerocket-linux-gnu/sys-root/usr/bin/runc", "/snap/microk8s/current/bin/runc",
    ]

    /// The host as pid 1 shows it (the agent's own unit may have a mount namespace of its own); where pid 1 does not let
    /// itself be read (measured: a machine whose init is guarded by an LSM), as the agent itself does.
    /// - Parameter runtimePaths: absolute host paths beside `knownRuntimePaths`; a missing one is left out.
    /// - Throws: what could be read of neither.
    package static func read(proc: ProcFilesystem, runtimePaths: [String]) throws(SystemError) -> HostIdentity {
        let own = (try? readLink("\(proc.root)/self")).flatMap { Int32($0) } ?? 1
        func namespace(_ kind: String) throws(SystemError) -> NamespaceID {
            if let found = try? proc.namespaceByLink(1, kind) { return found }
            return try proc.namespaceByLink(own, kind)
        }
        let status = try proc.status(1)
        var namespaces: [NamespaceKind: NamespaceID] = [:]
        for kind in [NamespaceKind.ipc, .uts, .cgroup] { namespaces[kind] = try? namespace(kind.procName) }
        // Without a security module that labels processes there is nothing to read (EINVAL).
        let label = (try? readFile(proc.path(1, "attr/current"))) ?? (try? readFile(proc.path(own, "attr/current")))
        // SELinux that only tells.
        let isPermissive = (try? readFile("/sys/fs/selinux/enforce", limit: 8))?.first == UInt8(ascii: "0")
        return HostIdentity(
            mountNamespace: try namespace("mnt"), pidNamespace: try namespace("pid"),
            networkNamespace: try namespace("net"), userNamespace: try namespace("user"),
            root: try rootDirectory(proc, own),
            boundingCapabilities: CapabilitySet(rawValue: status["CapBnd"].flatMap { UInt64($0, radix: 16) } ?? 0),
            runtimeBinaries: findRuntimes(runtimePaths), namespaces: namespaces,
            hasLabels: !(label ?? []).isEmpty && !isPermissive
        )
    }

    private static func rootDirectory(_ proc: ProcFilesystem, _ own: Int32) throws(SystemError) -> FileID {
        if let root = try? FileStatus.of(proc.path(1, "root")) { return root.file }
        return try FileStatus.of(proc.path(own, "root")).file
    }

    /// The runtimes' files as they are now: an upgrade of the package puts another inode there.
    package static func findRuntimes(_ runtimePaths: [String]) -> Set<FileID> {
        var found: Set<FileID> = []
        for path in knownRuntimePaths + runtimePaths {
            if let status = try? FileStatus.of(path), status.isRegular { found.insert(status.file) }
        }
        return found
    }
}

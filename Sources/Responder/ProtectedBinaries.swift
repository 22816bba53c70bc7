package import ContainerInventory
package import EventModel
package import LinuxSystem

/// The host's files whose processes are never acted on, by device and inode.
package struct ProtectedBinaries: Sendable, Equatable {
    package var names: [FileID: String]

    package init(names: [FileID: String] = [:]) { self.names = names }

    private static let services: Set<String> = [
        "conmon", "conmonrs", "containerd", "containerd-shim", "containerd-shim-runc-v1", "containerd-shim-runc-v2",
        "containerd-shim-kata-v2", "dockerd", "docker-proxy", "docker-init", "crio", "cri-dockerd", "podman", "kubelet",
        "k3s", "rke2", "k0s", "sshd", "sshd-session", "systemd", "systemd-executor",
    ]
    private static let directories = [
        "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/usr/lib/systemd", "/lib/systemd",
        "/usr/lib/openssh", "/usr/libexec/openssh", "/usr/libexec/podman", "/usr/lib/podman", "/usr/libexec/crio",
        "/opt/bin", "/opt/cni/bin", "/snap/microk8s/current/bin", "/snap/docker/current/bin",
        "/var/lib/rancher/k3s/data/current/bin", "/var/lib/rancher/rke2/bin", "/var/lib/k0s/bin",
    ]

    /// At the usual places, symbolic links resolved; and what runs now outside containers from the host's own root under
    /// one of the names, also when its file has been replaced since. Reads all of /proc: at start, and after that rarely.
    package static func find(host: HostIdentity, proc: ProcFilesystem) -> ProtectedBinaries {
        var names: [FileID: String] = [:]
        for directory in directories {
            for service in services {
                // A link from one name to another keeps the name found first; which one does not matter.
                if let status = try? FileStatus.of("\(directory)/\(service)"), status.isRegular {
                    names[status.file] = names[status.file] ?? service
                }
            }
        }
        for pid in (try? proc.processes()) ?? [] {
            guard let (file, name) = runningService(pid, host: host, proc: proc) else { continue }
            names[file] = names[file] ?? name
        }
        return ProtectedBinaries(names: names)
    }

    private static func runningService(
        _ pid: Int32, host: HostIdentity, proc: ProcFilesystem
    ) -> (FileID, String)? {
        guard var path = try? readLink(proc.path(pid, "exe")) else { return nil }
        let deleted = " (deleted)"
        let isDeleted = path.hasSuffix(deleted)
        if isDeleted { path.removeLast(deleted.count) }
        guard let name = path.split(separator: "/").last.map(String.init), services.contains(name),
            (try? proc.namespace(pid, "mnt")) == host.mountNamespace,
            let memberships = try? proc.cgroups(pid), ContainerCgroup.classify(memberships) == nil,
            let file = try? proc.executable(pid)
        else { return nil }
        guard isDeleted || (try? FileStatus.of(path).file) == file else { return nil }
        return (file, name)
    }
}

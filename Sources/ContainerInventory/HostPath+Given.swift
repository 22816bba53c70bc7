package import EventModel

/// What engines put into a container from their own directories: files that each one gets (`/etc/hosts`), its volumes, its
/// pod's directories. Of another container's directory nothing is given: its configuration, its root file system and its
/// secrets are in there.
extension HostPath {
    /// Volumes, and what is nobody's in particular.
    private static let shared = [
        "/var/lib/docker/volumes/", "/var/lib/containers/storage/volumes/", "/run/netns/", "/run/cni/",
        "/var/lib/rancher/k3s/storage/",
    ]
    /// Directories with one entry a container, by its id or its sandbox'.
    private static let byContainer =
        ["/var/lib/docker/containers/"]
        + ["/var/lib/containers/storage", "/run/containers/storage"].flatMap(ContainerStorage.lists).map { $0 + "/" }
    /// containerd's state and root directories, with what its plugins have of a container or of a sandbox below it.
    private static let containerds = [
        "/run/containerd/io.containerd.", "/var/lib/containerd/io.containerd.",
        "/run/docker/containerd/daemon/io.containerd.", "/run/k3s/containerd/io.containerd.",
        "/var/lib/rancher/k3s/agent/containerd/io.containerd.", "/var/lib/rancher/rke2/agent/containerd/io.containerd.",
    ]
    /// What a container gets of another one whose network or IPC namespace it shares: podman's and CRI-O's below
    /// `userdata`, docker's shared memory below `mounts`.
    private static let ofAnother: Set<Substring> = ["hosts", "hostname", "resolv.conf", "shm"]

    package static func isGiven(_ path: String, own: OwnDirectories = OwnDirectories()) -> Bool {
        let path = normal(path)
        if isUsers(path) || shared.contains(where: path.hasPrefix) { return true }
        if let root = own.root, root != "/", path == root || path.hasPrefix(root + "/") { return true }
        if let directory = byContainer.first(where: path.hasPrefix) {
            let parts = path.dropFirst(directory.utf8.count).split(separator: "/")
            return parts.first.map { isGiven(parts.dropFirst(), of: $0, own) } ?? false
        }
        if containerds.contains(where: path.hasPrefix) { return isOfContainerd(path, own) }
        if path.hasPrefix("/var/lib/nerdctl/") { return isOfNerdctl(path, own) }
        let pods = "/var/lib/kubelet/pods/"
        guard path.hasPrefix(pods), let pod = path.dropFirst(pods.utf8.count).split(separator: "/").first else {
            return false
        }
        return own.podUID.map { $0 == pod } ?? true
    }

    /// Of the directory of one container: never as a whole, since its configuration is in it.
    private static func isGiven(_ rest: ArraySlice<Substring>, of id: Substring, _ own: OwnDirectories) -> Bool {
        var rest = rest
        if rest.first == "userdata" || rest.first == "mounts" { rest.removeFirst() }
        guard let name = rest.first else { return false }
        if rest.count == 1, ofAnother.contains(name) { return true }
        return own.ids.contains(String(id)) && !["config.json", "config.v2.json", "hostconfig.json"].contains(name)
    }

    /// `io.containerd.grpc.v1.cri/{sandboxes,containers}/ID/…`, `io.containerd.runtime.v2.task/NAMESPACE/ID/…`. Snapshots
    /// are known by the container's root alone.
    private static func isOfContainerd(_ path: String, _ own: OwnDirectories) -> Bool {
        let parts = path.split(separator: "/")
        guard let plugin = parts.firstIndex(where: { $0.hasPrefix("io.containerd.") }) else { return false }
        let rest = parts[(plugin + 1)...]
        guard rest.count > 2, ["sandboxes", "containers"].contains(rest.first) || parts[plugin].contains(".runtime.")
        else { return false }
        return isGiven(rest.dropFirst(2), of: rest[plugin + 2], own)
    }

    /// `HASH/{containers,etchosts,volumes}/NAMESPACE/ID/…` (nerdctl's docs/dir.md).
    private static func isOfNerdctl(_ path: String, _ own: OwnDirectories) -> Bool {
        let parts = path.dropFirst("/var/lib/nerdctl/".utf8.count).split(separator: "/")
        guard parts.count > 4 else { return false }
        switch parts[1] {
        case "volumes": return true
        case "containers", "etchosts": return isGiven(parts.dropFirst(4), of: parts[3], own)
        default: return false
        }
    }

    /// A rootless engine's, in its user's home: nothing of root's is in there.
    private static func isUsers(_ path: String) -> Bool {
        ["/.local/share/containers/storage/", "/.local/share/docker/"].contains(where: path.contains)
            || (path.hasPrefix("/run/user/") && path.contains("/containers/overlay-containers/"))
            || (path.hasPrefix("/run/user/") && path.contains("/containers/vfs-containers/"))
    }
}

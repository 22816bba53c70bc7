package import LinuxSystem
private import SystemPackage

/// Files of the host whose directories an administrator may have put elsewhere by a symbolic link, and in which,
/// further down, a container with a mount of `/var/log` can make links of its own.
package enum HostPath {
    /// None lies in a directory that a container is given to write to: not `/var/log/pods`, which a container with a mount of
    /// `/var/log` can replace by a link.
    private static let bases = [
        "/var/lib/docker", "/var/lib/containers/storage", "/var/lib/containerd", "/var/lib/kubelet", "/var/log", "/run",
    ]

    /// The object itself, O_PATH; of a base what a link leads to. Links are followed on the way to a base, never below it.
    ///
    /// - Parameter root: put before the bases; a test's tree, else empty.
    package static func open(_ path: String, root: String = "") throws(SystemError) -> OwnedDescriptor {
        if bases.contains(where: { path == root + $0 }) { return try OwnedDescriptor(hostPath: path) }
        do throws(SystemError) {
            return try OwnedDescriptor(hostObject: path)
        } catch {
            guard error.errno == .tooManySymbolicLinkLevels,
                let base = bases.lazy.map({ root + $0 }).first(where: { path.hasPrefix($0 + "/") })
            else { throw error }
            let directory = try OwnedDescriptor(hostPath: base)
            let rest = Array(path.utf8.dropFirst(base.utf8.count + 1))
            return try OwnedDescriptor(object: rest, below: directory, .acrossMounts)
        }
    }
}

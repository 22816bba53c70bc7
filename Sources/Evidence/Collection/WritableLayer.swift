package import LinuxSystem

/// Where a container's changes to its file system lie on the host.
///
/// The kernel prints `upperdir=` as the mounting process wrote it. A container with CAP_SYS_ADMIN can mount an overlay
/// of its own on `/` with `upperdir=/etc`: on the host that is another directory. So what the container's own mount
/// table says is never believed; what counts is the host's mount table at the place that the runtime's configuration
/// names, and the layout of the engine's storage.
package enum WritableLayer: Sendable, Equatable {
    /// - Parameter lowers: host paths, the topmost first; nil: not known.
    case overlay(upper: String, lowers: [String]?, why: String)
    /// A root file system that is a plain directory: what changed since the container's start.
    case directory(String, why: String)
    /// Why nothing is collected.
    case untrusted(String)

    /// - Parameters:
    ///   - rootfs: `root.path` of the OCI configuration, which the host's root wrote.
    ///   - bundle: the directory of that configuration.
    ///   - hostMounts: the host's mount table. A container whose mounts propagate to the host has rows of its own in it.
    ///   - containerMounts: the container's, used only where the engine's storage directory bounds what it can say.
    ///   - root: put before the storage directories; a test's tree, else empty.
    package static func find(
        rootfs: String?, bundle: String? = nil, hostMounts: [MountInfo], containerMounts: [MountInfo], root: String = ""
    ) -> WritableLayer {
        guard let rootfs, rootfs.hasPrefix("/") else {
            return .untrusted("no configuration of the runtime names the root file system")
        }
        let parts = rootfs.split(separator: "/")
        guard !parts.isEmpty, !parts.contains("..") else {
            return .untrusted("the root file system is the host's own, or its path leads upwards")
        }
        let path = "/" + parts.filter { $0 != "." }.joined(separator: "/")
        let mounts = hostMounts.filter { $0.mountPoint == path }
        if let mount = mounts.last { return onMount(mount, all: mounts, path, bundle, hostMounts) }
        return inStorage(path, containerMounts, root: root)
    }

    private static func onMount(
        _ mount: MountInfo, all mounts: [MountInfo], _ path: String, _ bundle: String?, _ hostMounts: [MountInfo]
    ) -> WritableLayer {
        // Propagation repeats one mount; two different ones on a point mean that somebody covered the engine's.
        guard mounts.allSatisfy({ $0.device == mount.device && $0.superOptions == mount.superOptions }) else {
            return .untrusted("\(path) is mounted more than once in the host's mount table")
        }
        guard mount.filesystemType == "overlay" else {
            if mount.filesystemType == "fuse.fuse-overlayfs" {
                return .untrusted("\(path) is a FUSE overlay, whose upper directory the kernel does not know")
            }
            // A file system that the host has elsewhere as well: a bind mount, of /etc for instance.
            if let other = hostMounts.first(where: { $0.device == mount.device && $0.mountPoint != path }),
                !EngineStorage.isSnapshot(mountRoot: mount.root)
            {
                return .untrusted(
                    "\(path) is \(mount.root) of the file system that the host has at \(other.mountPoint)")
            }
            return .directory(path, why: "\(path) is a mount of type \(mount.filesystemType)")
        }
        guard mount.root == "/" else { return .untrusted("\(path) is a part of an overlay") }
        let options = OverlayOptions(mount.superOptions)
        guard let upper = options.upper, upper.hasPrefix("/"), !upper.split(separator: "/").contains("..") else {
            return .untrusted("the overlay on \(path) has no upper directory: the container cannot write")
        }
        guard EngineStorage.holds(upper, rootfs: path, bundle: bundle) else {
            return .untrusted(
                "the overlay on \(path) has \(upper) for its upper directory, which is no engine's storage")
        }
        return .overlay(upper: upper, lowers: options.lowers, why: "the host's mount of \(path)")
    }

    /// The mount is in a mount namespace of the engine's: its storage layout still tells.
    private static func inStorage(_ path: String, _ containerMounts: [MountInfo], root: String) -> WritableLayer {
        // docker, podman, CRI-O: STORAGE/ID/merged beside STORAGE/ID/diff.
        for storage in ["/var/lib/docker/overlay2", "/var/lib/containers/storage/overlay"] {
            let parts =
                path.hasPrefix("\(root)\(storage)/") ? path.dropFirst(root.utf8.count + storage.utf8.count + 1) : ""
            let names = parts.split(separator: "/", omittingEmptySubsequences: false)
            if names.count == 2, names[1] == "merged", isName(names[0]) {
                let upper = "\(root)\(storage)/\(names[0])/diff"
                return .overlay(
                    upper: upper, lowers: lowers(of: upper, containerMounts), why: "the storage layout beside \(path)")
            }
        }
        let own = containerMounts.last { $0.mountPoint == "/" }
        guard let own, own.filesystemType == "overlay" else {
            return .directory(path, why: "\(path) is a plain directory")
        }
        // containerd: the snapshot's number is known to the mount alone.
        for storage in [
            "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots",
            "/var/lib/rancher/k3s/agent/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots",
            "/var/lib/docker/containerd/daemon/io.containerd.snapshotter.v1.overlayfs/snapshots",
        ] {
            guard let upper = OverlayOptions(own.superOptions).upper, upper.hasPrefix("\(root)\(storage)/") else {
                continue
            }
            let names = upper.dropFirst(root.utf8.count + storage.utf8.count + 1)
                .split(separator: "/", omittingEmptySubsequences: false)
            if names.count == 2, names[1] == "fs", !names[0].isEmpty,
                names[0].utf8.allSatisfy({ (48...57).contains($0) })
            {
                return .overlay(
                    upper: upper, lowers: nil,
                    why: "the container's own mount table, below the engine's storage directory")
            }
        }
        return .untrusted(
            "\(path) is no mount of the host, and what the container's mount table says lies outside the engine's storage"
        )
    }

    /// Only to tell added from modified; a forged list has no effect but that, and only names inside the same storage
    /// count.
    private static func lowers(of upper: String, _ containerMounts: [MountInfo]) -> [String]? {
        guard let own = containerMounts.last(where: { $0.mountPoint == "/" }), own.filesystemType == "overlay" else {
            return nil
        }
        let options = OverlayOptions(own.superOptions)
        let storage = upper.split(separator: "/").dropLast(2).joined(separator: "/")
        guard options.upper == upper, let lowers = options.lowers,
            lowers.allSatisfy({ $0.hasPrefix("/\(storage)/") && !$0.split(separator: "/").contains("..") })
        else { return nil }
        return lowers
    }

    private static func isName(_ name: Substring) -> Bool {
        !name.isEmpty && name != "." && name != ".." && name != "l"
    }
}

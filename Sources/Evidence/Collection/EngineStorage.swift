package import LinuxSystem

/// Where engines keep writable layers, told by the layout of the last components of a path:
///
/// - `overlay2/ID/diff`, `overlay/ID/diff`: docker, BuildKit; podman, CRI-O, rootless or not;
/// - `snapshots/NUMBER/fs`: containerd's overlay snapshotter and those that are made like it, whatever engine uses them.
///
/// No directory of the host that is none of these looks so. A container may make one that does, of its own bytes, but
/// cannot lead out of it: below the storage directory no link and no mount is followed.
package enum EngineStorage {
    /// Components of the layout.
    private static let tail = 3

    /// Whether the path has such a layout at its end and nowhere before (a container makes what it likes inside of its own
    /// layer), and nothing in it leads upwards.
    package static func isLayer(_ path: String) -> Bool {
        guard let parts = components(path), parts.count > tail else { return false }
        return (0...parts.count - tail).first { isLayout(parts[$0..<($0 + tail)]) } == parts.count - tail
    }

    private static func isLayout(_ parts: ArraySlice<Substring>) -> Bool {
        let (storage, name, last) = (parts[parts.startIndex], parts[parts.startIndex + 1], parts[parts.startIndex + 2])
        switch storage {
        case "overlay2", "overlay": return last == "diff" && name != "l"
        case "snapshots": return last == "fs" && name.utf8.allSatisfy { (48...57).contains($0) }
        default: return false
        }
    }

    /// Nil: not absolute, or not normal.
    private static func components(_ path: String) -> [Substring]? {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count > 1, parts[0].isEmpty, !parts.dropFirst().contains(where: { ["", ".", ".."].contains($0) })
        else { return nil }
        return Array(parts.dropFirst())
    }

    /// Whether `upper` is the writable layer of a container with that root file system: by its layout, as `diff` beside
    /// `merged`, or inside of the bundle, where who uses a runtime without an engine puts it.
    ///
    /// - Parameters:
    ///   - rootfs, bundle: normal paths that the host's root wrote.
    package static func holds(_ upper: String, rootfs: String, bundle: String?) -> Bool {
        if isLayer(upper) { return true }
        guard let parts = components(upper) else { return false }
        if rootfs.hasSuffix("/merged"), upper == rootfs.dropLast("merged".utf8.count) + "diff", parts.count > 2 {
            return true
        }
        guard let bundle, bundle.split(separator: "/").count > 1 else { return false }
        return upper.hasPrefix(bundle + "/") && upper != rootfs && !upper.hasPrefix(rootfs + "/")
    }

    /// The layer's directory, O_PATH. An administrator may have put a storage elsewhere by a link; below it, and anywhere in
    /// a path of another layout, none is followed. podman mounts its `overlay` directory onto itself: the way there may cross
    /// a mount, what is below may not.
    package static func open(_ upper: String) throws(SystemError) -> OwnedDescriptor {
        guard isLayer(upper) else { return try OwnedDescriptor(hostObject: upper) }
        let parts = upper.split(separator: "/")
        let parent = try OwnedDescriptor(hostPath: "/" + parts.dropLast(tail).joined(separator: "/"))
        let storage = try OwnedDescriptor(object: Array(parts[parts.count - tail].utf8), below: parent, .acrossMounts)
        let rest = Array(parts.suffix(tail - 1).joined(separator: "/").utf8)
        return try OwnedDescriptor(object: rest, below: storage, .contained)
    }

    /// Whether a mount's root is a snapshot of an engine's in a file system that the host uses for other things as well:
    /// containerd's native and Btrfs snapshotters.
    static func isSnapshot(mountRoot: String) -> Bool {
        let parts = mountRoot.split(separator: "/")
        guard let index = parts.firstIndex(where: { $0.hasPrefix("io.containerd.snapshotter.v1.") }) else {
            return false
        }
        let rest = parts[(index + 1)...]
        return rest.count == 2 && rest.last?.utf8.allSatisfy { (48...57).contains($0) } == true
    }
}

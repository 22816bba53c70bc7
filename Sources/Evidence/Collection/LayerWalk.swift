private import CLinux
private import EventModel
package import LinuxSystem
private import SystemPackage

/// What a walk tells about; one object for one walk.
package protocol LayerVisitor: AnyObject {
    /// An object; `path` is relative to the root, raw bytes.
    /// - Returns: whether a directory's entries are wanted.
    func visit(_ path: [UInt8], _ status: ObjectStatus, _ object: borrowing OwnedDescriptor) throws(EvidenceError)
        -> Bool
    /// The entries of this directory follow, until `leave`.
    func enter(_ path: [UInt8], _ directory: borrowing OwnedDescriptor)
    func leave()
    /// Something that could not be visited.
    func fail(_ path: [UInt8], _ status: ArtifactStatus, _ reason: String) throws(EvidenceError)
    /// Not nil: the walk ends.
    var stopReason: String? { get }
}

/// Walks a directory tree that a container may change meanwhile: never through a symbolic link, never out of the tree,
/// never into another mount, without recursion, with at most five descriptors at a time however deep the tree is.
///
/// Every object is opened by one name below its directory's descriptor (openat2). The way back is `..`, checked against
/// the identity that the directory had; a directory that was moved away meanwhile is looked up again from the root.
package struct LayerWalk {
    package struct Limits: Sendable {
        /// Objects visited.
        package var entries = 5_000_000
        /// Bytes of a relative path; a tar header's name is not endless.
        package var pathBytes = 16 << 10
        /// Bytes of names of directories that wait to be entered.
        package var waitingBytes = 16 << 20
        package init() {}
    }

    package var limits = Limits()
    /// Mount points below the root, as relative paths, that are entered all the same: of the host's local file systems.
    package var mounts: Set<[UInt8]> = []
    package init() {}

    /// One directory on the way down.
    private struct Frame {
        var file: FileID
        /// Of the walk's path, up to this directory.
        var pathLength: Int
        /// Names of subdirectories still to be entered, each ended by NUL.
        var waiting: [UInt8] = []
    }

    /// - Throws: only what `visitor` throws.
    package func run(_ root: borrowing OwnedDescriptor, _ visitor: some LayerVisitor) throws(EvidenceError) {
        var state = State(limits: limits, mounts: mounts)
        try state.run(root, visitor)
    }

    private struct State {
        let limits: Limits
        let mounts: Set<[UInt8]>
        var frames: [Frame] = []
        var path: [UInt8] = []
        var entries = 0
        var waitingBytes = 0
        var isOver = false
        var buffer = [UInt8](repeating: 0, count: 32 * 1024)

        init(limits: Limits, mounts: Set<[UInt8]>) {
            self.limits = limits
            self.mounts = mounts
        }

        mutating func run(_ root: borrowing OwnedDescriptor, _ visitor: some LayerVisitor) throws(EvidenceError) {
            var current: OpenedObject
            do throws(SystemError) {
                current = try OpenedObject(
                    try OwnedDescriptor(directory: [UInt8(ascii: ".")], below: root, .contained))
            } catch {
                try visitor.fail([], ArtifactStatus(of: error), "the directory cannot be opened: \(error)")
                return
            }
            frames = [Frame(file: current.status.file, pathLength: 0)]
            visitor.enter([], current.descriptor)
            try list(current.descriptor, visitor)
            while !frames.isEmpty, !isOver {
                if let name = nextWaiting() {
                    guard let child = try descend(name, from: current.descriptor, visitor) else { continue }
                    current = child
                    try list(current.descriptor, visitor)
                } else {
                    frames.removeLast()
                    visitor.leave()
                    guard let parent = frames.last else { break }
                    path.removeLast(path.count - parent.pathLength)
                    // Nothing is left to be done on the way up: no need to stand in every directory again.
                    if waitingBytes == 0 { continue }
                    guard let back = try climb(from: current.descriptor, root, visitor) else { continue }
                    current = back
                }
            }
            while frames.popLast() != nil { visitor.leave() }
        }

        /// The next subdirectory of the innermost directory.
        private mutating func nextWaiting() -> [UInt8]? {
            guard let last = frames.indices.last, !frames[last].waiting.isEmpty else { return nil }
            frames[last].waiting.removeLast()
            let start = frames[last].waiting.lastIndex(of: 0).map { $0 + 1 } ?? 0
            let name = Array(frames[last].waiting[start...])
            frames[last].waiting.removeLast(name.count)
            waitingBytes -= name.count + 1
            return name
        }

        private func joined(_ name: [UInt8]) -> [UInt8] { path.isEmpty ? name : path + [UInt8(ascii: "/")] + name }

        private func walk(to path: [UInt8]) -> OwnedDescriptor.Walk {
            mounts.contains(path) ? .acrossMounts : .contained
        }

        private mutating func descend(
            _ name: [UInt8], from current: borrowing OwnedDescriptor, _ visitor: some LayerVisitor
        ) throws(EvidenceError) -> OpenedObject? {
            let below = joined(name)
            let child: OpenedObject
            do throws(SystemError) {
                child = try OpenedObject(try OwnedDescriptor(directory: name, below: current, walk(to: below)))
            } catch {
                try visitor.fail(below, ArtifactStatus(of: error), "the directory was not entered: \(error)")
                return nil
            }
            path = below
            frames.append(Frame(file: child.status.file, pathLength: path.count))
            visitor.enter(path, child.descriptor)
            return child
        }

        /// The parent of `current`, for which a frame exists; nil when nothing can be opened any more.
        private mutating func climb(
            from current: borrowing OwnedDescriptor, _ root: borrowing OwnedDescriptor, _ visitor: some LayerVisitor
        ) throws(EvidenceError) -> OpenedObject? {
            guard let wanted = frames.last?.file else { return nil }
            // O_PATH first: what `..` is now may be a directory that the container chose.
            if let parent = try? OwnedDescriptor(
                opening: "..", below: current, flags: CInt(NA_O_PATH | NA_O_DIRECTORY)),
                (try? ObjectStatus(of: parent).file) == wanted, let opened = Self.opened(parent),
                opened.status.file == wanted
            {
                return opened
            }
            if let opened = reopen(root), opened.status.file == wanted { return opened }
            let last = frames.count - 1
            if !frames[last].waiting.isEmpty {
                try visitor.fail(
                    path, .changed, "the directory was moved while it was read; its subdirectories are left out")
                waitingBytes -= frames[last].waiting.count
                frames[last].waiting = []
            }
            // Nothing waits in this frame: from here the next climb looks for its parent.
            return Self.opened(root)
        }

        /// The directory itself, for its entries.
        private static func opened(_ directory: borrowing OwnedDescriptor) -> OpenedObject? {
            guard let opened = try? OwnedDescriptor(directory: [UInt8(ascii: ".")], below: directory, .contained) else {
                return nil
            }
            return try? OpenedObject(opened)
        }

        /// The innermost directory from the root, component by component: a path may be longer than PATH_MAX.
        private func reopen(_ root: borrowing OwnedDescriptor) -> OpenedObject? {
            guard var at = Self.opened(root) else { return nil }
            var done: [UInt8] = []
            for component in path.split(separator: UInt8(ascii: "/")) {
                done = done.isEmpty ? Array(component) : done + [UInt8(ascii: "/")] + component
                guard
                    let next = try? OwnedDescriptor(directory: Array(component), below: at.descriptor, walk(to: done)),
                    let opened = try? OpenedObject(next)
                else { return nil }
                at = opened
            }
            return at
        }

        /// Visits every entry of the innermost directory and notes its subdirectories.
        private mutating func list(
            _ directory: borrowing OwnedDescriptor, _ visitor: some LayerVisitor
        ) throws(EvidenceError) {
            while !isOver {
                let filled = unsafe na_directory_read(directory.rawValue, &buffer, buffer.count)
                guard filled > 0 else {
                    if filled < 0 {
                        let error = SystemError("getdents64", errno: .init(rawValue: CInt(-filled)))
                        try visitor.fail(path, ArtifactStatus(of: error), "its entries cannot be read: \(error)")
                    }
                    return
                }
                for name in DirectoryRecords.names(in: buffer, filled) {
                    try visit(name, in: directory, visitor)
                    if isOver { return }
                }
            }
        }

        private mutating func visit(
            _ name: [UInt8], in directory: borrowing OwnedDescriptor, _ visitor: some LayerVisitor
        ) throws(EvidenceError) {
            let full = joined(name)
            entries += 1
            if let reason = visitor.stopReason
                ?? (entries > limits.entries ? "more than \(limits.entries) entries" : nil)
            {
                try visitor.fail(path, .truncated, "the walk ended here: \(reason)")
                isOver = true
                return
            }
            guard full.count <= limits.pathBytes else {
                try visitor.fail(path, .truncated, "an entry's path is longer than \(limits.pathBytes) bytes: left out")
                return
            }
            let opened: OpenedObject
            do throws(SystemError) {
                opened = try OpenedObject(try OwnedDescriptor(object: name, below: directory, walk(to: full)))
            } catch {
                let isMount = error.errno == .improperLink
                try visitor.fail(
                    full, isMount ? .skipped : ArtifactStatus(of: error),
                    isMount ? "another file system is mounted there" : "\(error)")
                return
            }
            guard try visitor.visit(full, opened.status, opened.descriptor), opened.status.isDirectory else { return }
            guard waitingBytes + name.count + 1 <= limits.waitingBytes else {
                try visitor.fail(full, .truncated, "too many directories wait to be entered: left out")
                return
            }
            waitingBytes += name.count + 1
            frames[frames.count - 1].waiting += name + [0]
        }
    }
}

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
/// never into another mount, without recursion, with few descriptors at a time however deep the tree is.
///
/// Every object is opened by one name below its directory's descriptor (openat2), by jobs that are given up when they hang.
/// The way back is `..`, checked against the identity that the directory had; a directory that was moved away meanwhile is
/// looked up again from the root.
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
    private let reader: TimedReader

    package init(_ reader: TimedReader) { self.reader = reader }

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
        let shared: SharedDescriptor
        do throws(SystemError) {
            shared = try SharedDescriptor(duplicating: root)
        } catch {
            try visitor.fail([], ArtifactStatus(of: error), "the directory cannot be opened: \(error)")
            return
        }
        var state = State(limits: limits, mounts: mounts, reader: reader, root: shared)
        try state.run(visitor)
    }

    private struct State {
        let limits: Limits
        let mounts: Set<[UInt8]>
        let reader: TimedReader
        let root: SharedDescriptor
        var frames: [Frame] = []
        var path: [UInt8] = []
        var entries = 0
        var waitingBytes = 0
        var isOver = false

        init(limits: Limits, mounts: Set<[UInt8]>, reader: TimedReader, root: SharedDescriptor) {
            self.limits = limits
            self.mounts = mounts
            self.reader = reader
            self.root = root
        }

        mutating func run(_ visitor: some LayerVisitor) throws(EvidenceError) {
            let opened: DirectoryReading.Opened
            do throws(SystemError) {
                opened = try DirectoryReading.open([UInt8(ascii: ".")], below: root, .contained, reader)
            } catch {
                let reason = "the directory cannot be opened: \(error.reason)"
                try visitor.fail([], ArtifactStatus(of: error), reason)
                return
            }
            var current = opened.directory
            frames = [Frame(file: opened.status.file, pathLength: 0)]
            visitor.enter([], current.descriptor)
            try list(current, visitor)
            while !frames.isEmpty, !isOver {
                if let name = nextWaiting() {
                    guard let child = try descend(name, from: current, visitor) else { continue }
                    current = child
                    try list(current, visitor)
                } else {
                    frames.removeLast()
                    visitor.leave()
                    guard let parent = frames.last else { break }
                    path.removeLast(path.count - parent.pathLength)
                    // Nothing is left to be done on the way up: no need to stand in every directory again.
                    if waitingBytes == 0 { continue }
                    current = try climb(from: current, visitor)
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
            _ name: [UInt8], from current: SharedDescriptor, _ visitor: some LayerVisitor
        ) throws(EvidenceError) -> SharedDescriptor? {
            let below = joined(name)
            let child: DirectoryReading.Opened
            do throws(SystemError) {
                child = try DirectoryReading.open(name, below: current, walk(to: below), reader)
            } catch {
                let reason = "the directory was not entered: \(error.reason)"
                try visitor.fail(below, ArtifactStatus(of: error), reason)
                return nil
            }
            path = below
            frames.append(Frame(file: child.status.file, pathLength: path.count))
            visitor.enter(path, child.directory.descriptor)
            return child.directory
        }

        /// The parent of `current`, for which a frame exists, O_PATH: its entries have been read. The root when it cannot be
        /// found any more.
        private mutating func climb(
            from current: SharedDescriptor, _ visitor: some LayerVisitor
        ) throws(EvidenceError) -> SharedDescriptor {
            guard let wanted = frames.last?.file else { return root }
            // What `..` is now may be a directory that the container chose.
            let up = try? OwnedDescriptor(
                opening: "..", below: current.descriptor, flags: CInt(NA_O_PATH | NA_O_DIRECTORY))
            if let up, (try? ObjectStatus(of: up).file) == wanted { return SharedDescriptor(up) }
            if let again = reopen(), (try? ObjectStatus(of: again.descriptor).file) == wanted { return again }
            let last = frames.count - 1
            if !frames[last].waiting.isEmpty {
                try visitor.fail(
                    path, .changed, "the directory was moved while it was read; its subdirectories are left out")
                waitingBytes -= frames[last].waiting.count
                frames[last].waiting = []
            }
            // Nothing waits in this frame: from here the next climb looks for its parent.
            return root
        }

        /// The innermost directory from the root, component by component: a path may be longer than PATH_MAX.
        private func reopen() -> SharedDescriptor? {
            let steps = path.split(separator: UInt8(ascii: "/")).map(Array.init)
            let (root, mounts) = (root, mounts)
            return reader.run(timeout: DirectoryReading.timeout) { () -> SharedDescriptor? in
                var at = root
                var done: [UInt8] = []
                for step in steps {
                    done += done.isEmpty ? step : [UInt8(ascii: "/")] + step
                    let walk: OwnedDescriptor.Walk = mounts.contains(done) ? .acrossMounts : .contained
                    guard let next = try? OwnedDescriptor(object: step, below: at.descriptor, walk) else { return nil }
                    at = SharedDescriptor(next)
                }
                return at
            } ?? nil
        }

        /// Visits every entry of the innermost directory and notes its subdirectories.
        private mutating func list(
            _ directory: SharedDescriptor, _ visitor: some LayerVisitor
        ) throws(EvidenceError) {
            while !isOver {
                let names: [[UInt8]]
                do throws(SystemError) {
                    names = try DirectoryReading.names(directory, reader)
                } catch {
                    let reason = "its entries cannot be read: \(error.reason)"
                    try visitor.fail(path, ArtifactStatus(of: error), reason)
                    return
                }
                guard !names.isEmpty else { return }
                let all = names.map { name in (name: name, walk: walk(to: joined(name))) }
                for start in stride(from: 0, to: all.count, by: EntryBatch.size) {
                    let part = all[start..<min(start + EntryBatch.size, all.count)]
                    let batch = EntryBatch.open(part, below: directory, reader)
                    for (entry, (name, _)) in zip(batch, part) {
                        try visit(name, entry, visitor)
                        if isOver { return }
                    }
                }
            }
        }

        private mutating func visit(
            _ name: [UInt8], _ entry: EntryBatch.Entry, _ visitor: some LayerVisitor
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
            switch entry {
            case .failed(let error):
                let isMount = error.errno == .improperLink
                try visitor.fail(
                    full, isMount ? .skipped : ArtifactStatus(of: error),
                    isMount ? "another file system is mounted there" : error.reason)
                return
            case .opened(let object, let status):
                guard try visitor.visit(full, status, object.descriptor), status.isDirectory else { return }
            }
            guard waitingBytes + name.count + 1 <= limits.waitingBytes else {
                try visitor.fail(full, .truncated, "too many directories wait to be entered: left out")
                return
            }
            waitingBytes += name.count + 1
            frames[frames.count - 1].waiting += name + [0]
        }
    }
}

package import LinuxSystem

/// Stores a container's writable layer, or what changed in a root file system that is a plain directory.
package struct LayerArtifacts {
    private let writer: ArtifactWriter
    /// Nanoseconds since the epoch.
    private let containerStart: UInt64?

    package init(_ writer: ArtifactWriter, containerStart: UInt64?) {
        self.writer = writer
        self.containerStart = containerStart
    }

    package func collect(_ layer: WritableLayer) throws(EvidenceError) {
        switch layer {
        case .untrusted(let reason):
            try writer.leaveOut(Artifact("container/upper", source: "", kind: .layer), .skipped, reason)
        case .overlay(let upper, let lowers, let why):
            try collect(upper, lowers.flatMap { LowerDirectories($0) }, since: nil, why)
        case .directory(let path, let why):
            guard let containerStart else {
                try writer.leaveOut(
                    Artifact("container/upper", source: path, kind: .layer), .skipped,
                    "\(why), and the container's start is not known")
                return
            }
            try collect(path, nil, since: containerStart, why)
        }
    }

    private func collect(
        _ path: String, _ lowers: LowerDirectories?, since start: UInt64?, _ why: String
    ) throws(EvidenceError) {
        let artifact = Artifact("container/upper", source: path, kind: .layer)
        let opened: OpenedObject
        do throws(SystemError) {
            let isLayer = start == nil
            let shared = try writer.reader.answer("opening") { () throws(SystemError) in
                SharedDescriptor(isLayer ? try EngineStorage.open(path) : try OwnedDescriptor(hostPath: path))
            }
            opened = try OpenedObject(try shared.duplicate())
        } catch {
            try writer.leaveOut(artifact, ArtifactStatus(of: error), "\(why): \(error.reason)")
            return
        }
        guard opened.status.isDirectory, opened.status.file != (try? FileStatus.of("/"))?.file else {
            try writer.leaveOut(artifact, .skipped, "\(why): it is no directory, or the host's own root")
            return
        }
        let text = start == nil ? "upper directory by \(why)" : "\(why): files changed since the container's start"
        try writer.add(
            Artifact("container/layer.txt", source: path, kind: .layer), Array("\(path)\n\(text)\n".utf8),
            started: realtimeNanoseconds())
        try writer.object(artifact, name: [], status: opened.status, opened.descriptor)
        let changes = LayerChanges(writer, source: path, lowers: lowers)
        let visitor = LayerFiles(
            writer, prefix: artifact, changes: changes, since: start,
            root: start == nil ? nil : (try? SharedDescriptor(duplicating: opened.descriptor)))
        try LayerWalk(writer.reader).run(opened.descriptor, visitor)
        try changes.finish()
    }
}

/// Stores the objects of a directory tree below a member.
package final class LayerFiles: LayerVisitor {
    private let writer: ArtifactWriter
    private let prefix: Artifact
    private let changes: LayerChanges?
    /// Only what changed at that time or later, and the directories that lead to it; nanoseconds since the epoch.
    private let since: UInt64?
    /// With `since`: the walk's root, and the directories from it to where the walk is.
    private let root: SharedDescriptor?
    private var way: [(path: [UInt8], isStored: Bool)] = []

    package init(
        _ writer: ArtifactWriter, prefix: Artifact, changes: LayerChanges? = nil, since: UInt64? = nil,
        root: SharedDescriptor? = nil
    ) {
        self.root = root
        self.writer = writer
        self.prefix = prefix
        self.changes = changes
        self.since = since
    }

    package var stopReason: String? { writer.archive.stopReason }

    package func artifact(_ path: [UInt8]) -> Artifact {
        prefix.below(path)
    }

    package func visit(
        _ path: [UInt8], _ status: ObjectStatus, _ object: borrowing OwnedDescriptor
    ) throws(EvidenceError) -> Bool {
        if let since, max(status.modified, status.changed) < since { return status.isDirectory }
        try storeWay()
        try changes?.note(path, status, object)
        try writer.object(artifact(path), name: path, status: status, object)
        return status.isDirectory
    }

    package func enter(_ path: [UInt8], _ directory: borrowing OwnedDescriptor) {
        changes?.enter(path, directory)
        guard let since else { return }
        let status = try? ObjectStatus(of: directory)
        let isStored = path.isEmpty || status.map { max($0.modified, $0.changed) >= since } ?? true
        way.append((path, isStored))
    }

    package func leave() {
        changes?.leave()
        _ = way.popLast()
    }

    /// The unchanged directories that lead to a changed object: their owners and modes belong to the evidence.
    private func storeWay() throws(EvidenceError) {
        guard let root else { return }
        for index in way.indices where !way[index].isStored {
            way[index].isStored = true
            let path = way[index].path
            guard let object = try? OwnedDescriptor(object: path, below: root.descriptor, .contained),
                let status = try? ObjectStatus(of: object), status.isDirectory
            else {
                try fail(path, .changed, "the directory was moved while it was read")
                continue
            }
            try writer.object(artifact(path), name: path, status: status, object)
        }
    }

    package func fail(_ path: [UInt8], _ status: ArtifactStatus, _ reason: String) throws(EvidenceError) {
        try writer.leaveOut(artifact(path), status, reason)
    }
}

private import ContainerInventory
private import EventModel
package import LinuxSystem

/// Takes the evidence of a container, a process or the host, in order of volatility (RFC 3227, section 2.1): what ends
/// first is read first. No other program is run and no file of the host is read through a link that a container could
/// make.
///
/// Everything that is collected, cut or left out has a row in the archive's manifest.
package struct Collection {
    private let target: CollectionTarget
    private let writer: ArtifactWriter
    private let proc: ProcFilesystem
    private let tree: CgroupTree
    private let hostMounts: [MountInfo]
    /// Whether the host's part follows that of a container or process.
    package var hostArtifacts = true

    package init(
        target: CollectionTarget, archive: EvidenceArchive, secrets: SecretPolicy, proc: ProcFilesystem,
        progress: @escaping (CollectionProgress) -> Void
    ) {
        self.target = target
        self.proc = proc
        writer = ArtifactWriter(archive: archive, secrets: secrets, progress: progress)
        let own = Self.ownProcess(proc)
        let initial = (try? proc.mounts(1)) ?? []
        tree = CgroupTree(mounts: initial.isEmpty ? (try? proc.mounts(own)) ?? [] : initial)
        // The agent's unit may have a mount namespace of its own; neither table is a container's.
        hostMounts = initial + ((try? proc.mounts(own)) ?? []).filter { !initial.contains($0) }
    }

    private static func ownProcess(_ proc: ProcFilesystem) -> Int32 {
        (try? readLink("\(proc.root)/self")).flatMap { Int32($0) } ?? 1
    }

    /// - Throws: only when the archive cannot be written; the caller then abandons it.
    package func run() throws(EvidenceError) {
        switch target {
        case .container(let container, let files): try collect(container, files)
        case .process(let key): try collect(key)
        case .host:
            try host()
            return
        }
        if hostArtifacts { try host() }
    }

    private func host() throws(EvidenceError) {
        try HostCollection(writer, proc, tree: tree, mounts: hostMounts).run()
    }

    // MARK: A container

    private func collect(_ container: Container, _ files: ContainerFiles) throws(EvidenceError) {
        let initPID = living(container.initProcess)
        let memberships = initPID.flatMap { try? proc.cgroups($0) } ?? []
        let cgroups = CgroupArtifacts(writer)
        let directories = CgroupArtifacts.directories(
            of: container.id, path: container.cgroupPath, memberships: memberships, in: tree)
        let listed = try cgroups.processes(directories)
        let pids = ordered(listed.union(members(of: container)), first: initPID)

        let origin = ProcessOrigin(
            proc: proc, reference: reference, pidNamespace: container.pidNamespace, first: initPID)
        let visitors = Set(pids.filter(origin.isVisitor))
        let own = pids.filter { !visitors.contains($0) }

        let containerMounts = own.lazy.compactMap { try? proc.mounts($0) }.first { !$0.isEmpty } ?? []
        let layer = WritableLayer.find(
            rootfs: files.rootfs, bundle: Self.bundle(files), hostMounts: hostMounts, containerMounts: containerMounts)

        writer.begin(.processes)
        if pids.isEmpty {
            try writer.leaveOut(
                Artifact("container/processes", source: proc.root, kind: .process), .vanished, "it has no process")
        }
        try ProcessArtifacts(writer, proc, isWritten: written(layer)).collect(pids, visitors: visitors)

        writer.begin(.network)
        try network(container, own)

        writer.begin(.cgroups)
        if directories.isEmpty {
            try writer.leaveOut(
                Artifact("container/cgroup", source: container.cgroupPath, kind: .cgroup), .vanished,
                "no hierarchy has a directory of its own for it")
        }
        try cgroups.collect(directories)

        writer.begin(.runtime)
        try RuntimeArtifacts(writer).collect(files)

        writer.begin(.layer)
        try LayerArtifacts(writer, containerStart: startTime(container.initProcess)).collect(layer)

        writer.begin(.temporary)
        try temporary(container, own)

        writer.begin(.logs)
        try RuntimeArtifacts(writer).collectLogs(files)
    }

    /// The directory of the OCI configuration.
    private static func bundle(_ files: ContainerFiles) -> String? {
        guard let path = files.configurations.first, let slash = path.lastIndex(of: "/") else { return nil }
        return String(path[..<slash])
    }

    /// Of the pid when it is still that process.
    private func living(_ key: ProcessKey?) -> Int32? {
        guard let key, let stat = try? proc.stat(key.pid), key.startTime == 0 || stat.startTime == key.startTime else {
            return nil
        }
        return key.pid
    }

    /// The processes of its pid namespace: one that left the cgroup is still its own.
    private func members(of container: Container) -> Set<Int32> {
        guard let namespace = container.pidNamespace, namespace != hostNamespace("pid") else { return [] }
        let pids = (try? proc.processes()) ?? []
        return Set(pids.filter { (try? proc.namespaceNumber($0, "pid")) == namespace.rawValue })
    }

    /// A process of the host's whose namespaces can be read.
    private var reference: Int32 { (try? proc.namespaceNumber(1, "mnt")) != nil ? 1 : Self.ownProcess(proc) }

    private func hostNamespace(_ kind: String) -> NamespaceID? {
        let number = (try? proc.namespaceNumber(1, kind)) ?? (try? proc.namespaceNumber(Self.ownProcess(proc), kind))
        return number.map { NamespaceID($0) }
    }

    private func ordered(_ pids: Set<Int32>, first: Int32?) -> [Int32] {
        let rest = pids.filter { $0 != first }.sorted()
        return (first.map { [$0] } ?? []) + rest
    }

    private func network(_ container: Container, _ pids: [Int32]) throws(EvidenceError) {
        var namespace = container.networkNamespace?.rawValue
        for pid in pids where namespace == nil { namespace = try? proc.namespaceNumber(pid, "net") }
        try network(pids.filter { namespace == nil || (try? proc.namespaceNumber($0, "net")) == namespace }, namespace)
    }

    private func network(_ pids: [Int32], _ namespace: UInt64?) throws(EvidenceError) {
        if let namespace, namespace == hostNamespace("net")?.rawValue {
            try writer.leaveOut(
                Artifact("container/network", source: proc.root, kind: .network), .skipped,
                "it has the host's network namespace\(hostArtifacts ? ": see host/network" : "")")
            return
        }
        try NetworkArtifacts(writer, proc).collect(member: "container/network", pids: pids)
    }

    private func temporary(_ container: Container, _ pids: [Int32]) throws(EvidenceError) {
        let host = hostNamespace("mnt")?.rawValue
        // A process in the host's mount namespace would show the host's own mounts.
        let inside = pids.first { pid in
            guard let namespace = try? proc.namespaceNumber(pid, "mnt"), namespace != host else { return false }
            return container.mountNamespace.map { $0.rawValue == namespace } ?? true
        }
        guard let inside else {
            try writer.leaveOut(
                Artifact("container/tmpfs", source: proc.root, kind: .layer), .vanished,
                "no process is left in its mount namespace")
            return
        }
        try MountArtifacts(writer, proc).collect(pid: inside, id: container.id, hostMounts: hostMounts)
    }

    /// Whether a program's path lies in the writable layer. Asked by name below the layer's own directory.
    private func written(_ layer: WritableLayer) -> ([UInt8]) -> Bool {
        guard case .overlay(let upper, _, _) = layer, let opened = try? EngineStorage.open(upper) else {
            return { _ in false }
        }
        let directory = SharedDescriptor(opened)
        return { target in
            let path = Array(target.drop { $0 == UInt8(ascii: "/") })
            guard !path.isEmpty, path.count < 4096,
                let object = try? OwnedDescriptor(object: path, below: directory.descriptor, .contained)
            else { return false }
            return (try? ObjectStatus(of: object))?.isRegular ?? false
        }
    }

    /// Nanoseconds since the epoch: the first process's start, in ticks since boot, and the time of the boot.
    private func startTime(_ key: ProcessKey?) -> UInt64? {
        guard let key, key.startTime > 0,
            let text = try? readFile("\(proc.root)/stat", limit: 1 << 20),
            let line = String(decoding: text, as: UTF8.self).split(separator: "\n").first(where: {
                $0.hasPrefix("btime ")
            }),
            let boot = UInt64(line.dropFirst("btime ".utf8.count))
        else { return nil }
        // USER_HZ is 100 on every architecture. btime is cut to a second: begin one earlier rather than late.
        let seconds = key.startTime / 100
        let (sum, isOver) = boot.addingReportingOverflow(seconds)
        guard !isOver, sum > 1, sum < UInt64.max / 1_000_000_000 else { return nil }
        return (sum - 1) * 1_000_000_000
    }

    // MARK: A process

    private func collect(_ key: ProcessKey) throws(EvidenceError) {
        guard let pid = living(key) else {
            try writer.leaveOut(
                Artifact("container/processes/\(key.pid)", source: proc.path(key.pid, ""), kind: .process), .vanished,
                "the process has ended")
            return
        }
        writer.begin(.processes)
        try ProcessArtifacts(writer, proc, isWritten: { _ in false }).collect(descendants(of: pid))
        writer.begin(.network)
        try network([pid], try? proc.namespaceNumber(pid, "net"))
    }

    /// The process and what it started, parents before children.
    private func descendants(of pid: Int32) -> [Int32] {
        var children: [Int32: [Int32]] = [:]
        for other in (try? proc.processes()) ?? [] {
            if let parent = (try? proc.stat(other))?.parentPID { children[parent, default: []].append(other) }
        }
        var found = [pid]
        var seen: Set<Int32> = [pid]
        var next = 0
        while next < found.count {
            for child in (children[found[next]] ?? []).sorted() where seen.insert(child).inserted {
                found.append(child)
            }
            next += 1
        }
        return found
    }
}

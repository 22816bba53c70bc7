private import CLinux
package import ContainerInventory
private import EventModel
package import LinuxSystem
private import SystemPackage

/// What the host itself tells, in order of volatility.
package struct HostCollection {
    private let writer: ArtifactWriter
    private let proc: ProcFilesystem
    private let tree: CgroupTree
    private let mounts: [MountInfo]
    /// Put before every path of the table; a test's tree, else empty.
    private let root: String
    private static let accountLimit = 5000

    package init(
        _ writer: ArtifactWriter, _ proc: ProcFilesystem, tree: CgroupTree, mounts: [MountInfo], root: String = ""
    ) {
        self.writer = writer
        self.proc = proc
        self.tree = tree
        self.mounts = mounts
        self.root = root
    }

    package func run() throws(EvidenceError) {
        writer.begin(.host)
        try HostProcesses(writer, proc).collect()
        try NetworkArtifacts(writer, proc).collect(member: "host/network", pids: [1] + ownProcess)
        try take(HostArtifact.volatile)
        try KernelMessages(writer).collect()
        try take(HostArtifact.settings)
        try moduleList()
        try releaseAgents()
        try take(HostArtifact.files)
        try take(HostArtifact.logins)
        try HostLogs(writer, mounts: mounts, root: root).collect()
    }

    private var ownProcess: [Int32] { (try? readLink("\(proc.root)/self")).flatMap { Int32($0) }.map { [$0] } ?? [] }

    private func artifact(_ path: String) -> Artifact { Artifact("host\(path)", source: root + path, kind: .host) }

    private func take(_ artifacts: [HostArtifact]) throws(EvidenceError) {
        for artifact in artifacts { try take(artifact) }
    }

    package func take(_ host: HostArtifact) throws(EvidenceError) {
        let artifact = artifact(host.path)
        let path = root + host.path
        switch host.taking {
        case .text(let limit): try writer.text(artifact, path: path, limit: limit)
        case .file: try writer.hostFile(artifact, path: path)
        case .tail(let bytes): try writer.hostFile(artifact, path: path, tail: bytes)
        case .passwords: try passwords(artifact, path)
        case .homes: try homes(host.path)
        case .names:
            let names = DirectoryListing()
            try walk(path, artifact, names) { visitor throws(EvidenceError) in
                try writer.add(artifact, visitor.text, started: visitor.started)
            }
        case .tree: try walk(path, artifact, HostFiles(writer, prefix: artifact)) { _ in }
        }
    }

    private func walk<V: LayerVisitor>(
        _ path: String, _ artifact: Artifact, _ visitor: V, then finish: (V) throws(EvidenceError) -> Void
    ) throws(EvidenceError) {
        guard let opened = try writer.host(artifact, path) else { return }
        guard opened.status.isDirectory else {
            try writer.object(artifact, name: Array(path.utf8), status: opened.status, opened.descriptor)
            return
        }
        var walk = LayerWalk(writer.reader)
        walk.limits.entries = 20_000
        try walk.run(opened.descriptor, visitor)
        try finish(visitor)
    }

    private func passwords(_ artifact: Artifact, _ path: String) throws(EvidenceError) {
        let started = realtimeNanoseconds()
        let limit = 4 << 20
        var outcome = writer.read(path, limit: limit)
        if outcome.error?.errno == .noSuchFileOrDirectory {
            try writer.leaveOut(artifact, .skipped, "there is none")
            return
        }
        let isRedacted = writer.secrets == .redact
        if isRedacted { outcome.bytes = RedactedPasswords.redact(outcome.bytes, with: writer.hash) }
        try writer.add(artifact, outcome: outcome, limit: limit, isRedacted: isRedacted, started: started)
    }

    /// Below every home directory that /etc/passwd names: those are users' to shape, so no link is followed below it.
    private func homes(_ name: String) throws(EvidenceError) {
        let outcome = writer.read("\(root)/etc/passwd", limit: 1 << 20)
        if let error = outcome.error, error.errno != .noSuchFileOrDirectory {
            try writer.leaveOut(
                artifact("/home"), ArtifactStatus(of: error), "the homes are not known: \(error.reason)")
        }
        var seen: Set<Substring> = []
        let lines = String(decoding: outcome.bytes, as: UTF8.self).split(separator: "\n")
        if lines.count > Self.accountLimit {
            try writer.leaveOut(
                artifact("/home"), .truncated, "\(lines.count) accounts: \(Self.accountLimit) homes were looked at")
        }
        for line in lines.prefix(Self.accountLimit) {
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            guard fields.count >= 6, fields[5].hasPrefix("/"), fields[5] != "/", fields[5] != "/root",
                !fields[5].split(separator: "/").contains(".."), seen.insert(fields[5]).inserted
            else { continue }
            try home("\(fields[5])/\(name)", artifact: artifact(normal("\(fields[5])/\(name)")))
        }
    }

    private func normal(_ path: String) -> String {
        "/" + path.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
    }

    private func home(_ path: String, artifact: Artifact) throws(EvidenceError) {
        let full = root + path
        let object: SharedDescriptor
        let status: ObjectStatus
        do throws(SystemError) {
            // Homes lie on NFS and autofs: opening may hang.
            (object, status) = try writer.reader.answer("opening") { () throws(SystemError) in
                let object = try OwnedDescriptor(hostObject: full)
                let status = try ObjectStatus(of: object)
                return (SharedDescriptor(object), status)
            }
        } catch {
            // Most accounts have none: a row for each would only be noise.
            if error.errno == .noSuchFileOrDirectory || error.errno == .notDirectory { return }
            try writer.leaveOut(artifact, ArtifactStatus(of: error), error.reason)
            return
        }
        try writer.object(artifact, name: Array(path.utf8), status: status, object.descriptor)
    }

    /// `host/modules.txt`: what sysfs knows of each module; one that /proc/modules hides, or the other way round,
    /// shows.
    private func moduleList() throws(EvidenceError) {
        let started = realtimeNanoseconds()
        let directory = "\(root)/sys/module"
        let outcome = writer.outcome(timeout: 10_000_000_000, "reading") { () -> ReadOutcome in
            do throws(SystemError) {
                var text = ""
                for name in try directoryEntries(directory).sorted() {
                    let values = ["taint", "initstate", "coresize", "srcversion"].map { file -> String in
                        let outcome = ReadOutcome(reading: "\(directory)/\(name)/\(file)", limit: 256)
                        return "\(file)=\(String(decoding: outcome.bytes.prefix { $0 != 0x0a }, as: UTF8.self))"
                    }
                    text += "\(name) \(values.joined(separator: " "))\n"
                }
                return ReadOutcome(bytes: Array(text.utf8))
            } catch {
                return ReadOutcome(error: error)
            }
        }
        try writer.add(
            Artifact("host/modules.txt", source: "/sys/module", kind: .host), outcome: outcome, limit: .max,
            started: started)
    }

    /// `host/release-agents.txt`: what each v1 hierarchy would run, and every cgroup whose end would run it.
    private func releaseAgents() throws(EvidenceError) {
        let started = realtimeNanoseconds()
        let artifact = Artifact("host/release-agents.txt", source: "/sys/fs/cgroup", kind: .host)
        let tree = tree
        let limit = Self.cgroupLimit
        let answer = Result { () throws(SystemError) in
            try writer.reader.answer(timeout: 10_000_000_000, "reading") { () throws(SystemError) in
                Self.releaseAgents(tree, limit: limit)
            }
        }
        switch answer {
        case .failure(let error): try writer.leaveOut(artifact, ArtifactStatus(of: error), error.reason)
        case .success(let (text, looked)):
            let isCut = looked > limit
            try writer.add(
                artifact, text, status: isCut ? .truncated : .ok,
                reason: isCut ? "\(looked) cgroups: \(limit) were looked at" : nil, started: started)
        }
    }

    private static let cgroupLimit = 20_000

    private static func releaseAgents(_ tree: CgroupTree, limit: Int) -> ([UInt8], looked: Int) {
        var text: [UInt8] = []
        var looked = 0
        for hierarchy in tree.hierarchies where !hierarchy.isUnified {
            let name = hierarchy.controllers.joined(separator: ",")
            let agent = ReadOutcome(reading: "\(hierarchy.mountPoint)/release_agent", limit: 4096)
            text += Array("\(name) release_agent=\(EscapedName.escape(agent.bytes.prefix { $0 != 0x0a }))\n".utf8)
            tree.walk(hierarchy) { path in
                looked += 1
                guard looked <= limit else { return }
                let flag = ReadOutcome(reading: "\(hierarchy.mountPoint)\(path)/notify_on_release", limit: 16)
                if flag.bytes.first == UInt8(ascii: "1") {
                    text += Array("\(name) notify_on_release=1 \(EscapedName.escape(path.utf8))\n".utf8)
                }
            }
        }
        return (text, looked)
    }
}

package import ContainerInventory
private import LinuxSystem

/// What the host's runtime and engine keep of a container, with the environments in it redacted; and its logs.
package struct RuntimeArtifacts {
    private let writer: ArtifactWriter
    private static let fileLimit = 16 << 20
    private static let logTail: UInt64 = 64 << 20

    package init(_ writer: ArtifactWriter) { self.writer = writer }

    package func collect(_ files: ContainerFiles) throws(EvidenceError) {
        let all = files.configurations + files.states + files.engineFiles
        for path in all { try configuration(path) }
        if let entry = files.storageEntry, let path = files.storageFile {
            try add(entry, "container/runtime/containers.json", path, started: realtimeNanoseconds())
        }
        if all.isEmpty, files.storageEntry == nil {
            try writer.leaveOut(
                Artifact("container/runtime", source: "", kind: .configuration), .skipped,
                "no file of a runtime names this container")
        }
    }

    package func collectLogs(_ files: ContainerFiles) throws(EvidenceError) {
        for path in files.logs {
            let artifact = Artifact("container/logs\(path)", source: path, kind: .log)
            guard let object = try writer.host(artifact, path) else { continue }
            // A container that can write to /var/log can give a log of the host's the name of its own.
            guard object.status.links <= 1 else {
                try writer.leaveOut(
                    artifact, .skipped, "it has \(object.status.links) names: it may be another file of the host's")
                continue
            }
            try writer.object(
                artifact, name: Array(path.utf8), status: object.status, object.descriptor, tail: Self.logTail)
        }
        if files.logs.isEmpty {
            try writer.leaveOut(
                Artifact("container/logs", source: "", kind: .log), .skipped,
                "no log file in the places where engines put them")
        }
    }

    private func configuration(_ path: String) throws(EvidenceError) {
        let member = "container/runtime\(path)"
        let started = realtimeNanoseconds()
        let limit = Self.fileLimit
        let outcome = writer.read(path, limit: limit)
        let artifact = Artifact(member, source: path, kind: .configuration)
        guard outcome.error == nil, !outcome.isTruncated else {
            try writer.leaveOut(
                artifact, outcome.error.map { ArtifactStatus(of: $0) } ?? .skipped,
                outcome.error?.reason ?? "longer than \(limit) bytes")
            return
        }
        try add(outcome.bytes, member, path, started: started)
    }

    private func add(_ bytes: [UInt8], _ member: String, _ path: String, started: UInt64) throws(EvidenceError) {
        let artifact = Artifact(member, source: path, kind: .configuration)
        guard writer.secrets == .redact else {
            try writer.add(artifact, bytes, started: started)
            return
        }
        if let redacted = RedactedJSON.redact(bytes, with: writer.hash) {
            try writer.add(artifact, redacted, isRedacted: redacted != bytes, started: started)
        } else {
            try writer.add(
                artifact, writer.hash.notice(bytes),
                reason: "not JSON that can be read, so its environment cannot be told: keyed hash only",
                isRedacted: true,
                started: started)
        }
    }
}

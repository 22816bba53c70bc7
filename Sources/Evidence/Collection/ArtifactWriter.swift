private import CLinux
private import Glibc
package import LinuxSystem
private import SystemPackage

extension ArtifactStatus {
    /// What a failed call means for the artifact it was for.
    package init(of error: SystemError) {
        switch error.errno {
        case .noSuchFileOrDirectory, .noSuchProcess: self = .vanished
        case .permissionDenied, .notPermitted: self = .denied
        case .timedOut: self = .timeout
        default: self = .skipped
        }
    }
}

/// What was read of a file of /proc or /sys, or of another small one.
package struct ReadOutcome: Sendable {
    package var bytes: [UInt8] = []
    /// There is more than the limit.
    package var isTruncated = false
    package var error: SystemError?

    package init(bytes: [UInt8] = [], isTruncated: Bool = false, error: SystemError? = nil) {
        self.bytes = bytes
        self.isTruncated = isTruncated
        self.error = error
    }

    /// To the end, at most `limit` bytes. What was read before an error stays.
    package init(reading file: borrowing OwnedDescriptor, limit: Int) {
        var chunk = [UInt8](repeating: 0, count: min(limit, 64 * 1024))
        while true {
            let count = unsafe read(file.rawValue, &chunk, chunk.count)
            if count < 0 {
                let errno = Errno(rawValue: Glibc.errno)
                if errno == .interrupted { continue }
                error = SystemError("read", errno: errno)
                return
            }
            if count == 0 { return }
            let room = limit - bytes.count
            bytes.append(contentsOf: chunk[..<min(count, room)])
            if count > room {
                isTruncated = true
                return
            }
        }
    }

    /// A name below a directory of /proc, opened without waiting; a last symbolic link is not followed.
    package init(reading name: String, below directory: borrowing OwnedDescriptor, limit: Int) {
        do throws(SystemError) {
            let flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | CInt(NA_O_NOFOLLOW)
            self.init(reading: try OwnedDescriptor(opening: name, below: directory, flags: flags), limit: limit)
        } catch {
            self.init(error: error)
        }
    }

    package init(reading path: String, limit: Int) {
        do throws(SystemError) {
            let flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | CInt(NA_O_NOFOLLOW)
            self.init(reading: try OwnedDescriptor(opening: path, flags: flags), limit: limit)
        } catch {
            self.init(error: error)
        }
    }
}

/// Puts what collectors find into the archive: one call, one row.
package final class ArtifactWriter {
    package let archive: EvidenceArchive
    private let readers: TimedReaders
    /// That of the stage.
    package private(set) var reader: TimedReader
    package let secrets: SecretPolicy
    package let hash = KeyedHash()
    private let progress: (CollectionProgress) -> Void
    private var stage = CollectionProgress.Stage.processes
    private var count = 0

    package init(
        archive: EvidenceArchive, readers: TimedReaders = TimedReaders(), secrets: SecretPolicy,
        progress: @escaping (CollectionProgress) -> Void
    ) {
        self.archive = archive
        self.readers = readers
        reader = readers.files
        archive.reader = reader
        self.secrets = secrets
        self.progress = progress
    }

    package func begin(_ stage: CollectionProgress.Stage) {
        self.stage = stage
        reader = readers[stage]
        archive.reader = reader
        progress(CollectionProgress(stage: stage, artifacts: count))
    }

    private func counted() {
        count += 1
        if count.isMultiple(of: 256) { progress(CollectionProgress(stage: stage, artifacts: count)) }
    }

    // MARK: Rows

    package func add(
        _ artifact: Artifact, _ bytes: [UInt8], status: ArtifactStatus = .ok, reason: String? = nil,
        isRedacted: Bool = false, started: UInt64
    ) throws(EvidenceError) {
        counted()
        try archive.add(
            artifact, bytes: bytes, status: status, reason: reason, bytesRead: UInt64(bytes.count),
            isRedacted: isRedacted, started: started)
    }

    package func leaveOut(_ artifact: Artifact, _ status: ArtifactStatus, _ reason: String) throws(EvidenceError) {
        counted()
        try archive.leaveOut(artifact, status, reason)
    }

    /// What was read, or the row that says why nothing was.
    package func add(
        _ artifact: Artifact, outcome: ReadOutcome, limit: Int, isRedacted: Bool = false, started: UInt64
    ) throws(EvidenceError) {
        if let error = outcome.error, outcome.bytes.isEmpty {
            try leaveOut(artifact, ArtifactStatus(of: error), error.reason)
            return
        }
        var status = ArtifactStatus.ok
        var reason: String?
        if let error = outcome.error {
            status = .truncated
            reason = "reading ended early: \(error)"
        } else if outcome.isTruncated {
            status = .truncated
            reason = "longer than \(limit) bytes"
        }
        try add(artifact, outcome.bytes, status: status, reason: reason, isRedacted: isRedacted, started: started)
    }

    /// What a small file holds. Of one that hangs the error says so.
    package func read(_ path: String, limit: Int) -> ReadOutcome {
        outcome("reading") { ReadOutcome(reading: path, limit: limit) }
    }

    /// The same of an object that was opened safely (O_PATH) and may be opened for reading: a regular file, also of the
    /// kernel's file systems.
    package func read(_ object: borrowing OwnedDescriptor, limit: Int) -> ReadOutcome {
        let shared: SharedDescriptor
        do throws(SystemError) {
            shared = try SharedDescriptor(duplicating: object)
        } catch {
            return ReadOutcome(error: error)
        }
        return outcome("reading") {
            do throws(SystemError) {
                return ReadOutcome(reading: try shared.descriptor.reopened(), limit: limit)
            } catch {
                return ReadOutcome(error: error)
            }
        }
    }

    /// What a job makes that may hang.
    package func outcome(
        timeout: UInt64 = 2_000_000_000, _ what: String, _ job: @escaping @Sendable () -> ReadOutcome
    ) -> ReadOutcome {
        do throws(SystemError) {
            return try reader.answer(timeout: timeout, what) { () throws(SystemError) in job() }
        } catch {
            return ReadOutcome(error: error)
        }
    }

    /// A small file of the host, /proc or /sys, read as it is.
    package func text(
        _ artifact: Artifact, path: String, limit: Int = 1 << 20
    ) throws(EvidenceError) {
        let started = realtimeNanoseconds()
        let outcome = read(path, limit: limit)
        // Not there, as opposed to gone meanwhile.
        if let error = outcome.error, error.errno == .noSuchFileOrDirectory {
            try leaveOut(artifact, .skipped, "there is none")
            return
        }
        try add(artifact, outcome: outcome, limit: limit, started: started)
    }

    /// An object that was opened safely (O_PATH); a file that is named like a secret and looks like one as its keyed
    /// hash.
    ///
    /// - Parameter name: what nominates it.
    package func object(
        _ artifact: Artifact, name: [UInt8], status: ObjectStatus, _ object: borrowing OwnedDescriptor,
        tail: UInt64? = nil
    ) throws(EvidenceError) {
        counted()
        if secrets == .redact, status.isRegular, status.size <= UInt64(SecretFile.sizeLimit),
            SecretFile.isNominated(name), let content = content(object), SecretFile.looksSecret(content)
        {
            try archive.add(
                artifact, object: object, redacted: hash.notice(content),
                reason: "looks like a key or a password: keyed hash only")
            return
        }
        try archive.add(artifact, object: object, tail: tail)
    }

    /// A file of the host by its path (`HostPath`).
    package func hostFile(_ artifact: Artifact, path: String, tail: UInt64? = nil) throws(EvidenceError) {
        guard let object = try host(artifact, path) else { return }
        try self.object(artifact, name: Array(path.utf8), status: object.status, object.descriptor, tail: tail)
    }

    /// An object of the host by its path (`HostPath`), opened by a job that may hang. Nil: its row has been made.
    package func host(_ artifact: Artifact, _ path: String) throws(EvidenceError) -> OpenedObject? {
        do throws(SystemError) {
            let shared = try reader.answer("opening") { () throws(SystemError) in
                SharedDescriptor(try HostPath.open(path))
            }
            return try OpenedObject(try shared.duplicate())
        } catch {
            let isMissing = error.errno == .noSuchFileOrDirectory || error.errno == .notDirectory
            try leaveOut(
                artifact, isMissing ? .skipped : ArtifactStatus(of: error), isMissing ? "there is none" : error.reason)
            return nil
        }
    }

    /// The whole of a small file.
    private func content(_ object: borrowing OwnedDescriptor) -> [UInt8]? {
        let outcome = read(object, limit: SecretFile.sizeLimit)
        return outcome.isTruncated || outcome.error != nil ? nil : outcome.bytes
    }
}

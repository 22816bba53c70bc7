import ArgumentParser
import CLinux
import ContainerInventory
import EventModel
import Evidence
import Glibc
import LinuxSystem
import Reporting

/// `nodeagent collect`: a tarball for forensics of a container, a process or the host.
struct CollectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "collect", abstract: "Collect evidence of a container, a process or the host into a tarball.",
        discussion: """
            Exit status: 0 complete, 2 partial (the tarball is whole, its manifest says what is missing), 3 refused, \
            4 nothing collected, 1 failed.
            """)

    @Option(help: ArgumentHelp("A container: its id, the beginning of one, or its name.", valueName: "ID"))
    var container: String?
    @Option(help: ArgumentHelp("A process, and its container when it has one.", valueName: "PID")) var pid: Int32?
    @Flag(help: "The host alone.") var host = false
    @Option(help: ArgumentHelp("Where the tarball goes (default: the current directory).", valueName: "FILE|DIR"))
    var output = "."
    @Flag(name: .customLong("no-host"), help: "Leave the host's part out.") var withoutHost = false
    @Flag(
        name: .customLong("include-secrets"),
        help: "Keep values of environment variables and known secret files in clear instead of as keyed hashes.")
    var includeSecrets = false
    @Option(name: .customLong("max-size"), help: ArgumentHelp("Content that is read at most.", valueName: "MiB"))
    var maximumSize: UInt64 = 4096
    @Option(help: ArgumentHelp("Time that it takes at most.", valueName: "SECONDS")) var deadline: UInt64 = 120
    @Option(
        name: .customLong("min-free"),
        help: ArgumentHelp(
            "Space to leave on the output's file system (default: 5 %, between 256 and 2048).", valueName: "MiB"))
    var minimumFree: UInt64?
    @Option(name: .customLong("runtime-directory"), help: "Where the agent's control socket lies.")
    var runtimeDirectory: String?
    /// Started by a rule: waits for its turn and works at idle priority. The sensor's end of a pair says what the cause is,
    /// and hears how it ended.
    @Flag(help: .hidden) var background = false
    private static let starter: CInt = 3

    func validate() throws {
        let targets = [container != nil, pid != nil, host].filter { $0 }.count
        guard targets == 1 else { throw ValidationError("Give one of --container, --pid and --host.") }
        guard pid ?? 1 > 0 else { throw ValidationError("A pid is a number above 0.") }
        guard !(host && withoutHost) else { throw ValidationError("--host with --no-host leaves nothing to collect.") }
        guard (1...1_048_576).contains(maximumSize), (1...86_400).contains(deadline),
            minimumFree ?? 0 <= 1_048_576 * 1024
        else { throw ValidationError("--max-size, --deadline or --min-free is out of range.") }
    }

    func run() throws {
        guard getuid() == 0 else {
            CommandFailure(.missingRight, "collect needs root: it reads other processes and the runtimes' own files")
                .exit()
        }
        signal(SIGPIPE, SIG_IGN)
        if background { CollectionPriority.lower() }
        let started = realtimeNanoseconds()
        do {
            let lock = try takeTurn()
            try collect(started)
            _ = consume lock
        } catch let failure as CommandFailure {
            failure.exit()
        } catch let error as EvidenceError {
            CommandFailure(error.reason == .exists ? .refused : .failed, error.description).exit()
        } catch {
            CommandFailure(.failed, "\(error)").exit()
        }
    }

    /// One collection at a time on a host.
    private func takeTurn() throws -> OwnedDescriptor {
        let path = "/run/nodeagent-collect.lock"
        let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw CommandFailure(.failed, "cannot open \(path): \(errorText(errno))") }
        let file = OwnedDescriptor(adopting: descriptor)
        let patience = monotonicNanoseconds() + deadline * 1_000_000_000
        while na_lock_exclusive(file.rawValue) != 0 {
            guard background, monotonicNanoseconds() < patience else {
                throw CommandFailure(.refused, "another collection runs on this host; try again when it has ended")
            }
            usleep(50_000)
        }
        return file
    }

    private func collect(_ started: UInt64) throws {
        let (target, name) = try findTarget()
        let limits = CollectionLimits(
            deadline: monotonicNanoseconds() + deadline * 1_000_000_000, archiveBytes: maximumSize << 20,
            fileBytes: min(maximumSize << 20, 1 << 30), freeBytes: minimumFree.map { $0 << 20 })
        let reader = TimedReader()
        let archive = try EvidenceArchive(
            output: destination(name, started), limits: limits, program: "nodeagent \(NodeAgent.version)",
            reader: reader)
        // From here on a Ctrl-C is to leave no half file behind.
        na_note_termination()
        let line = ProgressLine()
        do {
            let context = CollectionContext(
                command: CommandLine.arguments, target: name, started: started, limits: limits,
                includesSecrets: includeSecrets)
            try context.add(to: archive)
            try addTrail(of: target, to: archive)
            var collection = Collection(
                target: target, archive: archive, reader: reader, secrets: includeSecrets ? .include : .redact,
                proc: ProcFilesystem()
            ) { progress in
                line.show(progress)
                guard na_termination_noted() == 0 else {
                    archive.abandon()
                    line.end()
                    CommandFailure(.failed, "interrupted; nothing is left behind").exit()
                }
            }
            collection.hostArtifacts = !withoutHost
            try collection.run()
            let summary = try archive.finish()
            line.end()
            report(summary)
        } catch {
            archive.abandon()
            line.end()
            throw error
        }
    }

    /// What is to be collected, and how it is called in the tarball's name.
    private func findTarget() throws -> (CollectionTarget, String) {
        if host { return (.host, "host") }
        let inventory = try HostInventory.read()
        let found: Container
        if let container {
            do {
                found = try ContainerReference.find(container, among: inventory.containers)
            } catch {
                throw CommandFailure(.nothingCollected, "nothing collected: \(error)")
            }
        } else {
            let pid = pid ?? 0
            guard let stat = try? ProcFilesystem().stat(pid) else {
                throw CommandFailure(.nothingCollected, "nothing collected: there is no process \(pid)")
            }
            guard let owner = inventory.container(ofProcess: pid) else {
                return (.process(ProcessKey(pid: pid, startTime: stat.startTime)), "pid-\(pid)")
            }
            found = owner
        }
        return (.container(found, files: inventory.reader.files(of: found)), found.id.short)
    }

    private func destination(_ target: String, _ started: UInt64) -> EvidenceOutput {
        // A name with a slash at its end is a directory, whether it is there or not.
        if output.hasSuffix("/") || (try? FileStatus.of(output).isDirectory) == true {
            let directory = output.count > 1 && output.hasSuffix("/") ? String(output.dropLast()) : output
            return .directory(directory, host: hostname(), target: target, time: started)
        }
        return .file(output)
    }

    /// The alert that caused it, and what the agent remembers of the container.
    private func addTrail(of target: CollectionTarget, to archive: EvidenceArchive) throws {
        if background {
            let started = realtimeNanoseconds()
            let artifact = Artifact("alert.json", source: "nodeagent run", kind: .event)
            var cause = [UInt8](repeating: 0, count: DeliveryFrame.limit)
            let count = unsafe recv(Self.starter, &cause, cause.count, 0)
            if count > 0 {
                try archive.add(artifact, bytes: Array(cause[..<count]), started: started)
            } else {
                try archive.leaveOut(artifact, .vanished, "the agent that started this is gone")
            }
        }
        guard case .container(let container, _) = target else { return }
        let artifact = Artifact("events.jsonl", source: "nodeagent run", kind: .event)
        let directory = runtimeDirectory ?? Configuration().resolvedRuntimeDirectory(environment())
        let started = realtimeNanoseconds()
        let request = ControlRequest(command: .history, container: container.id.rawValue)
        guard let response = try? ControlClient.ask(request, at: directory + "/control.sock") else {
            try archive.leaveOut(artifact, .skipped, "no agent runs: nobody remembers what the container did")
            return
        }
        if let history = response.history {
            try archive.add(artifact, bytes: Array(history.utf8), started: started)
        } else {
            try archive.leaveOut(artifact, .skipped, response.error ?? "the agent remembers nothing of it")
        }
    }

    private func report(_ summary: CollectionSummary) -> Never {
        let good = summary.byStatus[.ok, default: 0]
        let missing = summary.byStatus.filter { $0.key != .ok && $0.value > 0 }.sorted {
            $0.key.rawValue < $1.key.rawValue
        }
        if !background { print(summary.path) }
        var text = "\(good) artifacts, \(ProgressLine.size(summary.archiveBytes)), sha256 \(summary.sha256)\n"
        if !missing.isEmpty {
            text += missing.map { "\($0.value) \($0.key.rawValue)" }.joined(separator: ", ")
            text += "; manifest.jsonl in the tarball says which and why\n"
        }
        if let reason = summary.stopReason { text += "nodeagent: ended early: \(reason)\n" }
        if background {
            let lines = text.split(separator: "\n").joined(separator: "; ")
            let report = Array("\(summary.archiveBytes)\n\(summary.path)\n\(lines)".utf8)
            _ = unsafe send(Self.starter, report, report.count, CInt(MSG_DONTWAIT | MSG_NOSIGNAL))
        } else {
            writeError(text)
        }
        guard good > 0 else { Glibc.exit(ExitStatus.nothingCollected.rawValue) }
        Glibc.exit((summary.isWhole ? ExitStatus.done : .partial).rawValue)
    }
}

extension CollectionSummary {
    /// Nothing was cut, denied or lost; what was left out by intent does not count.
    var isWhole: Bool { isComplete && byStatus.allSatisfy { [.ok, .skipped].contains($0.key) || $0.value == 0 } }
}

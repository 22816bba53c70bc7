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
    /// The process that does the work; the other end of a pair hears how it ended.
    @Flag(help: .hidden) var worker = false
    /// The same for a rule: waits for its turn, works at idle priority, and is first told the cause.
    @Flag(help: .hidden) var background = false
    @Option(help: .hidden) var confinement: SystemCallFilter.Mode = .enforce
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
        guard worker || background else { supervise() }
        SystemCallFilter(.collector, mode: confinement, environment: environment()).loadOrExit()
        if background {
            CollectionPriority.lower()
        } else {
            // Its starter shows the person what became of it: without that there is nobody to collect for.
            _ = na_die_with_parent(getppid(), SIGTERM)
        }
        finish(watched())
    }

    /// Works on a thread of its own, whose end need not come.
    private func watched() -> CollectionReport {
        // A Ctrl-C is to leave no half file behind.
        na_note_termination()
        do throws(SystemError) {
            let watch = try CollectionWatch()
            try NamedThread("collection") { watch.end(work(watch)) }.detach()
            return watch.wait(report)
        } catch {
            return CollectionReport(status: .failed, text: "nodeagent: the collection cannot be started: \(error)")
        }
    }

    /// Without waiting for threads that hang.
    private func finish(_ report: CollectionReport) -> Never {
        report.send(Self.starter)
        // Whoever reads this program's output waits for its end: a process that hangs must not hold it open.
        for descriptor in STDIN_FILENO...Self.starter { close(descriptor) }
        _exit(report.status.rawValue)
    }

    private func work(_ watch: CollectionWatch) -> CollectionReport {
        let started = realtimeNanoseconds()
        do {
            let lock = try takeTurn()
            watch.begin(until: monotonicNanoseconds() + deadline * 1_000_000_000)
            let report = try collect(started, watch)
            // Not at the process's end, which may not come.
            _ = consume lock
            return report
        } catch let failure as CommandFailure {
            return CollectionReport(status: failure.status, text: "nodeagent: \(failure.description)")
        } catch let error as EvidenceError {
            return CollectionReport(
                status: error.reason == .exists ? .refused : .failed, text: "nodeagent: \(error.description)")
        } catch {
            return CollectionReport(status: .failed, text: "nodeagent: \(error)")
        }
    }

    /// Starts the process that does the work and tells the person how it ended.
    private func supervise() -> Never {
        var pair: [CInt] = [-1, -1]
        guard unsafe na_socket_pair(&pair) == 0, let executable = try? readLink("/proc/self/exe") else {
            CommandFailure(.failed, "cannot start the collection: \(errorText(errno))").exit()
        }
        na_note_termination()
        var pointers = unsafe (CommandLine.arguments + ["--worker"]).map { unsafe strdup($0) }
        unsafe pointers.append(nil)
        let pid = unsafe na_spawn(executable, &pointers, pair[1])
        close(pair[1])
        guard pid > 0 else { CommandFailure(.failed, "cannot start the collection: \(errorText(-pid))").exit() }
        var wasAsked = false
        while true {
            _ = waitReadable([pair[0]], milliseconds: 100)
            if let report = CollectionReport.receive(pair[0]) { tell(report) }
            var status: CInt = 0
            if unsafe na_wait_exit(pid, &status) != 0 {
                // It may have spoken in between.
                if let report = CollectionReport.receive(pair[0]) { tell(report) }
                if let known = ExitStatus(rawValue: status), known != .done { Glibc.exit(known.rawValue) }
                CommandFailure(.failed, "the collection ended with \(status) and without a word").exit()
            }
            if na_termination_noted() != 0, !wasAsked {
                wasAsked = true
                kill(pid, SIGTERM)
            }
        }
    }

    private func tell(_ report: CollectionReport) -> Never {
        if let path = report.path { print(path) }
        writeError(report.text.hasSuffix("\n") ? report.text : report.text + "\n")
        Glibc.exit(report.status.rawValue)
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

    private func collect(_ started: UInt64, _ watch: CollectionWatch) throws -> CollectionReport {
        let (target, name) = try findTarget()
        let limits = CollectionLimits(
            deadline: monotonicNanoseconds() + deadline * 1_000_000_000, archiveBytes: maximumSize << 20,
            fileBytes: min(maximumSize << 20, 1 << 30), freeBytes: minimumFree.map { $0 << 20 })
        let archive = try EvidenceArchive(
            output: destination(name, started), limits: limits, program: "nodeagent \(NodeAgent.version)")
        watch.begin(archive)
        let line = ProgressLine(isQuiet: background)
        do {
            let context = CollectionContext(
                command: CommandLine.arguments.filter { $0 != "--worker" }, target: name, started: started,
                limits: limits,
                includesSecrets: includeSecrets)
            try context.add(to: archive)
            try addTrail(of: target, to: archive)
            var collection = Collection(
                target: target, archive: archive, secrets: includeSecrets ? .include : .redact,
                proc: ProcFilesystem()
            ) { progress in
                watch.note(progress.stage)
                line.show(progress)
                guard na_termination_noted() == 0 else {
                    archive.abandon()
                    line.end()
                    finish(
                        CollectionReport(status: .failed, text: "nodeagent: interrupted; nothing is left behind"))
                }
            }
            collection.hostArtifacts = !withoutHost
            try collection.run()
            let summary = try archive.finish()
            line.end()
            return report(summary)
        } catch {
            archive.abandon()
            line.end()
            throw error
        }
    }

    /// What is to be collected, and how it is called in the tarball's name.
    private func findTarget() throws -> (CollectionTarget, String) {
        if host { return (.host, "host") }
        if let reference = container, let (found, reader) = try known(reference) {
            return (.container(found, files: reader.files(of: found)), found.id.short)
        }
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

    /// As a running agent knows it.
    private func known(_ reference: String) throws -> (Container, ContainerReader)? {
        let directory = runtimeDirectory ?? Configuration().resolvedRuntimeDirectory(environment())
        let request = ControlRequest(command: .inventory, container: reference)
        guard let response = try? ControlClient.ask(request, at: directory + "/control.sock"),
            let listings = response.containers, listings.count == 1
        else { return nil }
        return try HostInventory.describe(listings[0])
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

    private func report(_ summary: CollectionSummary) -> CollectionReport {
        let good = summary.byStatus[.ok, default: 0]
        let missing = summary.byStatus.filter { $0.key != .ok && $0.value > 0 }.sorted {
            $0.key.rawValue < $1.key.rawValue
        }
        var text = "\(good) artifacts, \(ProgressLine.size(summary.archiveBytes)), sha256 \(summary.sha256)\n"
        if !missing.isEmpty {
            text += missing.map { "\($0.value) \($0.key.rawValue)" }.joined(separator: ", ")
            text += "; manifest.jsonl in the tarball says which and why\n"
        }
        if let reason = summary.stopReason { text += "ended early: \(reason)\n" }
        let status: ExitStatus = good == 0 ? .nothingCollected : summary.isWhole ? .done : .partial
        return CollectionReport(status: status, bytes: summary.archiveBytes, path: summary.path, text: text)
    }
}

extension CollectionSummary {
    /// Nothing was cut, denied or lost; what was left out by intent does not count.
    var isWhole: Bool { isComplete && byStatus.allSatisfy { [.ok, .skipped].contains($0.key) || $0.value == 0 } }
}

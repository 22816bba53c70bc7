import CLinux
import EventModel
import Glibc
import LinuxSystem
import Reporting

/// Starts `nodeagent collect` for rules: one at a time, one for a container in ten minutes. Used from one thread.
struct CollectorQueue: Sendable {
    struct Job: Sendable {
        var container: Container
        var alert: Alert
        /// CLOCK_MONOTONIC nanoseconds.
        var requested: UInt64
    }

    struct Outcome: Sendable {
        var job: Job
        var status: ExitStatus?
        /// What the collection said of itself: its size and digest, what is missing. Empty when it died.
        var report: String
        /// The tarball.
        var path: String?
        /// Of the tarball.
        var bytes: UInt64 = 0
        var started: UInt64
        var ended: UInt64
    }

    /// What the child is started with.
    struct Program: Sendable {
        var executable: String
        var directory: String
        var runtimeDirectory: String
        var maximumSizeMiB: Int
        var deadlineSeconds: Int
    }

    private struct Child {
        var pid: pid_t
        var socket: OwnedSocket
        var job: Job
        var started: UInt64
        var report: [UInt8] = []
    }
    /// A noncopyable descriptor lies in no array or optional of a copyable type.
    private final class OwnedSocket: Sendable {
        let descriptor: OwnedDescriptor
        init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }
    }

    private let program: Program
    private let hostname: String
    private var child: Child?
    private var waiting: [Job] = []
    private var last: [ContainerID: UInt64] = [:]
    private var ended: [Outcome] = []

    private static let waitingLimit = 16
    private static let interval: UInt64 = 600_000_000_000
    /// Beyond its own deadline a child may take this long to write its manifest.
    private static let grace: UInt64 = 60_000_000_000

    init(program: Program, hostname: String) {
        self.program = program
        self.hostname = hostname
    }

    /// Nil when it will be collected; else why not.
    mutating func add(_ job: Job, now: UInt64) -> String? {
        last = last.filter { $0.value + Self.interval > now }
        if last[job.container.id] != nil { return "it was collected in the last ten minutes" }
        guard waiting.count < Self.waitingLimit else { return "\(waiting.count) collections wait already" }
        last[job.container.id] = now
        waiting.append(job)
        startNext(now)
        return nil
    }

    /// Looks after the child; called a few times a second.
    mutating func poll(now: UInt64) -> Outcome? {
        if !ended.isEmpty { return ended.removeFirst() }
        guard var running = child else { return nil }
        running.report += Self.receive(running.socket.descriptor.rawValue)
        child = running
        var status: CInt = 0
        guard unsafe na_wait_exit(running.pid, &status) != 0 else {
            let limit = UInt64(program.deadlineSeconds) * 1_000_000_000 + Self.grace
            if now > running.started + limit { kill(running.pid, SIGKILL) }
            return nil
        }
        running.report += Self.receive(running.socket.descriptor.rawValue)
        child = nil
        startNext(now)
        // BYTES, PATH and TEXT, a line each.
        let lines = String(decoding: running.report, as: UTF8.self)
            .split(separator: "\n", maxSplits: 2, omittingEmptySubsequences: false)
        var outcome = Outcome(
            job: running.job, status: ExitStatus(rawValue: status), report: "", started: running.started, ended: now)
        if lines.count == 3 {
            outcome.bytes = UInt64(lines[0]) ?? 0
            outcome.path = String(lines[1])
            outcome.report = String(lines[2])
        }
        return outcome
    }

    var isBusy: Bool { child != nil || !waiting.isEmpty }

    private mutating func startNext(_ now: UInt64) {
        while child == nil, !waiting.isEmpty {
            let job = waiting.removeFirst()
            child = start(job, now)
            if child == nil {
                ended.append(
                    Outcome(job: job, status: nil, report: "it could not be started", started: now, ended: now))
            }
        }
    }

    private func start(_ job: Job, _ now: UInt64) -> Child? {
        var pair: [CInt] = [-1, -1]
        guard unsafe na_socket_pair(&pair) == 0 else { return nil }
        let socket = OwnedSocket(OwnedDescriptor(adopting: pair[0]))
        let arguments = [
            "nodeagent", "collect", "--background", "--container", job.container.id.rawValue,
            "--output", program.directory + "/", "--max-size", "\(program.maximumSizeMiB)", "--deadline",
            "\(program.deadlineSeconds)", "--runtime-directory", program.runtimeDirectory,
        ]
        var pointers = unsafe arguments.map { unsafe strdup($0) }
        unsafe pointers.append(nil)
        defer { unsafe pointers.forEach { unsafe free($0) } }
        let pid = unsafe na_spawn(program.executable, &pointers, pair[1])
        close(pair[1])
        guard pid > 0 else { return nil }
        // The cause goes ahead of the work: the child reads it once.
        let cause = job.alert.line(.json, hostname: hostname, colored: false)
        _ = unsafe send(socket.descriptor.rawValue, cause, cause.count, CInt(MSG_DONTWAIT | MSG_NOSIGNAL))
        return Child(pid: pid, socket: socket, job: job, started: now)
    }

    private static func receive(_ socket: CInt) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = unsafe recv(socket, &buffer, buffer.count, CInt(MSG_DONTWAIT))
        return count > 0 ? Array(buffer[..<count]) : []
    }
}

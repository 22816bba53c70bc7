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
        var spawner: Spawner
        var directory: String
        var runtimeDirectory: String
        var maximumSizeMiB: Int
        var deadlineSeconds: Int
        var confinement: SystemCallFilter.Mode
    }

    private struct Child {
        var pid: pid_t
        var socket: OwnedSocket
        var job: Job
        var started: UInt64
        var wasKilled = false
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
    /// They have reported, and are still to end.
    private var leaving: [pid_t] = []

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
        var status: CInt = 0
        leaving.removeAll { unsafe na_wait_exit($0, &status) != 0 }
        if !ended.isEmpty { return ended.removeFirst() }
        guard var running = child else { return nil }
        // In this order: it may report and end in between.
        let hasEnded = unsafe na_wait_exit(running.pid, &status) != 0
        let report = CollectionReport.receive(running.socket.descriptor.rawValue)
        let limit = UInt64(program.deadlineSeconds) * 1_000_000_000 + Self.grace
        let isLate = now > running.started + limit
        if isLate, !running.wasKilled, report == nil, !hasEnded {
            kill(running.pid, SIGKILL)
            running.wasKilled = true
            child = running
        }
        // One that was killed and does not end hangs in a file system, and is not waited for.
        guard report != nil || hasEnded || now > running.started + limit + Self.grace else { return nil }
        if !hasEnded { leaving.append(running.pid) }
        child = nil
        startNext(now)
        return Outcome(
            job: running.job, status: report?.status, report: Self.line(report?.text ?? ""), path: report?.path,
            bytes: report?.bytes ?? 0, started: running.started, ended: now)
    }

    private static func line(_ text: String) -> String { text.split(separator: "\n").joined(separator: "; ") }

    /// Whether the container's evidence is being taken, or waits to be.
    func isPending(_ id: ContainerID) -> Bool {
        child?.job.container.id == id || waiting.contains { $0.container.id == id }
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
        let words = [
            "collect", "--background", "--container", job.container.id.rawValue,
            "--output", program.directory + "/", "--max-size", "\(program.maximumSizeMiB)", "--deadline",
            "\(program.deadlineSeconds)", "--runtime-directory", program.runtimeDirectory,
            "--confinement", program.confinement.rawValue,
        ]
        let pid = program.spawner.start(words, descriptor: pair[1])
        close(pair[1])
        guard let pid else { return nil }
        // The cause goes ahead of the work: the child reads it once.
        let cause = job.alert.line(.json, hostname: hostname, colored: false)
        _ = unsafe send(socket.descriptor.rawValue, cause, cause.count, CInt(MSG_DONTWAIT | MSG_NOSIGNAL))
        return Child(pid: pid, socket: socket, job: job, started: now)
    }
}

import ContainerInventory
import Detection
import EventModel
import Glibc
import KernelEvents
import LinuxSystem
import Reporting
import Synchronization
import SystemPackage

/// Gathers the sensor's figures once a second and sends them to the deliverer, which shows them. Counters stay where they
/// are counted; this only reads them, on the housekeeping thread.
final class MetricsSource: Sendable {
    /// What this host's kernel lets the agent use.
    struct Coverage: Sendable {
        var audit = false
        var fanotify = false
        var pidfd = false
        var descriptorErrors = false
        var connector = false
        var cgroups = false
        /// Clock ticks since boot, when it was the agent that switched audit on.
        var auditEnabledAt: UInt64?
    }

    /// Where the figures are. Each closure is called on the housekeeping thread.
    struct Parts: Sendable {
        var statistics: PipelineStatistics
        var auditReader: AuditReader?
        var connector: any ProcessEventSource
        var fanotify: FanotifyReader?
        var marks: MarkSupervisor?
        var inputs: Pipeline.Inputs
        var alerts: AlertCounters
        var writer: AlertWriter
        var actions: ActionCounters
        var deliverer: Deliverer
        var refusals: RefusedCalls
        /// Nil without audit.
        var audit: (@Sendable () -> AuditReading)?
        var canary: Canary
        var rules: RuleReload
        var containers: @Sendable () -> [Container]
        /// The containers that ran at the start are described and marked.
        var isSettled: @Sendable () -> Bool
    }

    private struct State {
        var isArmed = false
        var hasSettled = false
        /// Events of a source when it was looked at, and when it last had more than before.
        var lastEvents: [EventSourceName: (count: UInt64, time: UInt64)] = [:]
        var nextSlowRound: UInt64 = 0
        var unaudited: Int?
    }

    /// As the label `source` names them.
    private enum EventSourceName: String { case audit, fanotify, connector }

    private let parts: Parts
    private let coverage: Coverage
    private let kernel: String
    private let startedAt = realtimeNanoseconds()
    private let state = Mutex(State())

    private static let slowInterval: UInt64 = 30_000_000_000

    init(_ parts: Parts, coverage: Coverage) {
        self.parts = parts
        self.coverage = coverage
        let release = (try? readFile("/proc/sys/kernel/osrelease", limit: 256)) ?? []
        kernel = String(decoding: release.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }

    /// Every source listens from now on.
    func armed() { state.withLock { $0.isArmed = true } }

    func send() {
        parts.deliverer.sendNow(
            DeliveryFrame(kind: .metrics, payload: snapshot().bytes(limit: DeliveryFrame.limit - 2)))
    }

    func snapshot() -> MetricsSnapshot {
        let reading = parts.audit?()
        slowRound()
        var snapshot = MetricsSnapshot(time: realtimeNanoseconds(), obstacles: obstacles(reading))
        snapshot.add(.buildInfo, NodeAgent.version, kernel, value: 1)
        addSources(reading, to: &snapshot)
        addAudit(reading, to: &snapshot)
        addCoverage(to: &snapshot)
        addContainers(to: &snapshot)
        addProcess(to: &snapshot)
        parts.actions.add(to: &snapshot)
        snapshot.add(.deliverRestarts, count: UInt64(parts.deliverer.restartCount))
        snapshot.add(.deliverFramesDropped, count: parts.deliverer.droppedCount)
        let refused = parts.refusals.totals
        for command in ["run", "deliver", "collect"] {
            snapshot.add(.callsRefused, command, count: refused[command] ?? 0)
        }
        addRules(to: &snapshot)
        addCanary(to: &snapshot)
        snapshot.add(.alertsDropped, count: parts.writer.droppedCount)
        snapshot.add(.alertRepeatsSuppressed, count: parts.statistics.repeats.load(ordering: .relaxed))
        snapshot.add(.eventToAlert, parts.statistics.eventToAlert.value)
        // The only ones without a bound: last, so that they are what has no room.
        parts.alerts.add(to: &snapshot)
        return snapshot
    }

    /// What takes the kernel or /proc some work.
    private func slowRound() {
        let now = monotonicNanoseconds()
        let isDue = state.withLock { state in
            guard now >= state.nextSlowRound else { return false }
            state.nextSlowRound = now + Self.slowInterval
            return true
        }
        guard isDue else { return }
        let unaudited = coverage.auditEnabledAt.map { UnauditedTasks.count(before: $0, proc: ProcFilesystem()) }
        state.withLock { $0.unaudited = unaudited }
    }

    private func obstacles(_ reading: AuditReading?) -> [String] {
        let isSettled = parts.isSettled()
        let (isArmed, hasSettled) = state.withLock { state in
            if state.isArmed, isSettled { state.hasSettled = true }
            return (state.isArmed, state.hasSettled)
        }
        var obstacles: [String] = []
        if !isArmed { obstacles.append("starting: not every source is armed yet") }
        if isArmed, !hasSettled {
            obstacles.append("containers: those that ran before the agent are not all described and marked yet")
        }
        return obstacles + (reading?.obstacles(pid: getpid()) ?? []) + parts.canary.obstacles
    }

    // MARK: Families

    private func addSources(_ reading: AuditReading?, to snapshot: inout MetricsSnapshot) {
        let counters = parts.statistics.auditCounters
        if let audit = parts.auditReader {
            received(counters.events, from: .audit, in: &snapshot)
            let reasons: [(String, UInt64)] = [
                ("kernel_lost", reading?.lost ?? 0), ("socket_drops", audit.drops),
                ("incomplete", counters.incomplete), ("malformed", counters.malformed), ("late", counters.late),
                ("truncated", counters.truncated),
            ]
            lost(reasons, from: .audit, in: &snapshot)
        }
        if let fanotify = parts.fanotify {
            received(fanotify.eventCount, from: .fanotify, in: &snapshot)
            let unopened = fanotify.lostObjects.map { error, count in
                let name = ErrorName.name(ofResult: -Int64(error.rawValue)) ?? String(error.rawValue)
                return ("open_error_\(name)", count)
            }
            let reasons =
                [("q_overflow", fanotify.overflowCount), ("queue_full", parts.inputs.files.droppedCount)]
                + unopened.sorted { $0.0 < $1.0 }
            lost(reasons, from: .fanotify, in: &snapshot)
        }
        received(parts.connector.eventCount, from: .connector, in: &snapshot)
        lost(
            [("sequence_gap", parts.connector.gapCount), ("queue_full", parts.inputs.processes.droppedCount)],
            from: .connector, in: &snapshot)
        // Descriptions of containers and rounds of /proc, from the agent's own workers.
        snapshot.add(.sourceEventsLost, "inventory", "queue_full", count: parts.inputs.reports.droppedCount)
    }

    private func received(_ count: UInt64, from source: EventSourceName, in snapshot: inout MetricsSnapshot) {
        let now = snapshot.time
        let last = state.withLock { state in
            var entry = state.lastEvents[source] ?? (0, 0)
            if count != entry.count { entry = (count, now) }
            state.lastEvents[source] = entry
            return entry.time
        }
        snapshot.add(.sourceEventsReceived, source.rawValue, count: count)
        snapshot.add(.sourceLastEvent, source.rawValue, value: Double(last / 1_000_000) / 1000)
    }

    private func lost(
        _ reasons: [(String, UInt64)], from source: EventSourceName, in snapshot: inout MetricsSnapshot
    ) {
        for (reason, count) in reasons { snapshot.add(.sourceEventsLost, source.rawValue, reason, count: count) }
    }

    private func addAudit(_ reading: AuditReading?, to snapshot: inout MetricsSnapshot) {
        guard let reading, let status = reading.status else { return }
        snapshot.add(.auditBacklog, value: Double(status.backlog))
        snapshot.add(.auditBacklogLimit, value: Double(status.backlogLimit))
        snapshot.add(.auditEnabled, value: Double(status.enabled))
        snapshot.add(.auditDaemon, value: status.daemon == UInt32(bitPattern: getpid()) ? 1 : 0)
        if let rules = reading.standingRules { snapshot.add(.auditRules, value: Double(rules)) }
    }

    private func addCoverage(to snapshot: inout MetricsSnapshot) {
        let features = [
            ("audit", coverage.audit), ("cgroup_watch", coverage.cgroups), ("connector", coverage.connector),
            ("fanotify", coverage.fanotify), ("fd_error", coverage.descriptorErrors), ("pidfd", coverage.pidfd),
        ]
        for (feature, isThere) in features { snapshot.add(.coverageFeature, feature, value: isThere ? 1 : 0) }
        if let unaudited = state.withLock({ $0.unaudited }) {
            snapshot.add(.coverageTasksWithoutAudit, value: Double(unaudited))
        }
        if let marks = parts.marks { snapshot.add(.fanotifyMarks, count: marks.count) }
    }

    private func addRules(to snapshot: inout MetricsSnapshot) {
        let (rules, result) = (parts.rules.current, parts.rules.result)
        let enabled = rules.rules.count(where: \.isEnabled)
        snapshot.add(.rulesLoaded, value: Double(enabled))
        snapshot.add(.rulesDisabled, value: Double(rules.rules.count - enabled))
        snapshot.add(.rulesReloadSucceeded, value: result.succeeded ? 1 : 0)
        snapshot.add(.rulesReloadTime, value: Double(result.takenAt / 1_000_000) / 1000)
    }

    private func addCanary(to snapshot: inout MetricsSnapshot) {
        for (source, figures) in parts.canary.figures.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            snapshot.add(.canaryLastSeen, source.rawValue, value: Double(figures.lastSeen / 1_000_000) / 1000)
            snapshot.add(.canaryMissed, source.rawValue, count: figures.missed)
        }
    }

    private func addContainers(to snapshot: inout MetricsSnapshot) {
        let containers = parts.containers()
        var byRuntime: [ContainerRuntime: Int] = [:]
        for container in containers { byRuntime[container.runtime, default: 0] += 1 }
        for runtime in ContainerRuntime.allCases {
            snapshot.add(.containers, runtime.rawValue, value: Double(byRuntime[runtime] ?? 0))
        }
        snapshot.add(.containersPrivileged, value: Double(containers.count { $0.isPrivileged == true }))
        snapshot.add(
            .containersUnresolved, value: Double(containers.count { $0.name == nil && $0.image == nil }))
        // The poller's times are those of its looks.
        if coverage.connector, let starts = parts.marks?.starts {
            snapshot.add(.containersMarked, "true", count: starts.marked)
            snapshot.add(.containersMarked, "false", count: starts.unmarked)
        }
        let judged = parts.statistics.judgedByAttribution
        for result in AttributionResult.allCases {
            snapshot.add(.attributions, result.rawValue, count: judged[result] ?? 0)
        }
    }

    private func addProcess(to snapshot: inout MetricsSnapshot) {
        var usage = rusage()
        if unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 {
            let seconds = Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
            snapshot.add(.processCPU, value: seconds + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6)
        }
        // The second number is the resident set in pages; ru_maxrss is its peak.
        let pages = (try? readFile("/proc/self/statm", limit: 256)).map { String(decoding: $0, as: UTF8.self) } ?? ""
        if let resident = pages.split(separator: " ").dropFirst().first.flatMap({ Double($0) }) {
            snapshot.add(.processMemory, value: resident * Double(sysconf(CInt(_SC_PAGESIZE))))
        }
        snapshot.add(.processStart, value: Double(startedAt / 1_000_000) / 1000)
    }
}

import EventModel
import KernelEvents
import LinuxSystem
import Reporting
import Synchronization

/// Counts that the pipeline keeps and other threads read.
final class PipelineStatistics: Sendable {
    /// Turns of the pipeline's thread, ten a second at least: it lives.
    let turns = Atomic<UInt64>(0)
    let normalized = Atomic<UInt64>(0)
    let accesses = Atomic<UInt64>(0)
    let alerts = Atomic<UInt64>(0)
    /// Alerts held back as repeats.
    let repeats = Atomic<UInt64>(0)
    /// From the kernel's stamp of an event to its alert in the writer's hands.
    let eventToAlert = LatencyHistogram(.eventToAlert)
    /// Whether records are counted by the group of rules that made them: where others store each one.
    let countsGroups = Atomic<Bool>(false)
    private let attributions = Mutex<[AttributionResult: UInt64]>([:])
    private let audit = Mutex(AuditCounters())
    private let groups = Mutex<[AuditRuleGroup: UInt64]>([:])

    /// Records of an event that a group of our own rules asked for.
    func add(_ records: Int, of group: AuditRuleGroup) {
        groups.withLock { $0[group, default: 0] += UInt64(records) }
    }
    var recordsByGroup: [AuditRuleGroup: UInt64] { groups.withLock { $0 } }

    /// An event that was judged; once for each, however often it had to wait.
    func count(_ attribution: Attribution) {
        let result = AttributionResult(attribution)
        attributions.withLock { $0[result, default: 0] += 1 }
    }
    var judgedByAttribution: [AttributionResult: UInt64] { attributions.withLock { $0 } }

    /// An alert was handed to the writer.
    ///
    /// - Parameter time: the kernel's stamp of its event, which is coarse: it may lie a little ahead.
    func alerted(of time: UInt64) {
        let now = realtimeNanoseconds()
        eventToAlert.observe(nanoseconds: now > time ? now - time : 0)
    }

    func publish(_ counters: AuditCounters) { audit.withLock { $0 = counters } }
    var auditCounters: AuditCounters { audit.withLock { $0 } }
}

/// Whose an event was found to be, as the metrics count it.
enum AttributionResult: String, CaseIterable {
    case certain, inherited, ambiguous, unknown, host

    init(_ attribution: Attribution) {
        switch attribution.certainty {
        case .unknown: self = .unknown
        case .ambiguous: self = .ambiguous
        case _ where attribution.container == nil: self = .host
        case .certain: self = .certain
        case .inherited: self = .inherited
        }
    }
}

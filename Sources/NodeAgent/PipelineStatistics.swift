import KernelEvents
import Synchronization

/// Counts that the pipeline keeps and other threads read.
final class PipelineStatistics: Sendable {
    let normalized = Atomic<UInt64>(0)
    let accesses = Atomic<UInt64>(0)
    let alerts = Atomic<UInt64>(0)
    /// Whether records are counted by the group of rules that made them: where others store each one.
    let countsGroups = Atomic<Bool>(false)
    private let audit = Mutex(AuditCounters())
    private let groups = Mutex<[AuditRuleGroup: UInt64]>([:])

    /// Records of an event that a group of our own rules asked for.
    func add(_ records: Int, of group: AuditRuleGroup) {
        groups.withLock { $0[group, default: 0] += UInt64(records) }
    }
    var recordsByGroup: [AuditRuleGroup: UInt64] { groups.withLock { $0 } }

    func publish(_ counters: AuditCounters) { audit.withLock { $0 = counters } }
    var auditCounters: AuditCounters { audit.withLock { $0 } }
}

import KernelEvents

/// Averages of records a second against the budget.
struct BudgetWatch: Sendable {
    enum Verdict: Equatable, Sendable {
        /// Over a minute more than an idle host should store: told once. A host that starts containers is not idle.
        case aboveIdle(rate: UInt64)
        /// Over five seconds more than a busy one may: the loudest group goes.
        case aboveBusy(AuditRuleGroup, rate: UInt64)
    }

    let budget: RecordBudget
    private var samples: [(time: UInt64, records: [AuditRuleGroup: UInt64])] = []
    private var hasToldIdle = false

    init(budget: RecordBudget) { self.budget = budget }

    /// - Parameter records: all records so far, by group.
    mutating func add(_ records: [AuditRuleGroup: UInt64], now: UInt64) -> Verdict? {
        samples.append((now, records))
        samples.removeAll { $0.time + 61_000_000_000 < now }
        if let (rate, loudest) = rate(over: 5, records, now), rate > UInt64(budget.busy), let loudest {
            samples.removeAll()
            return .aboveBusy(loudest, rate: rate)
        }
        if !hasToldIdle, let (rate, _) = rate(over: 60, records, now), rate > UInt64(budget.idle) {
            hasToldIdle = true
            return .aboveIdle(rate: rate)
        }
        return nil
    }

    private func rate(
        over seconds: UInt64, _ records: [AuditRuleGroup: UInt64], _ now: UInt64
    ) -> (rate: UInt64, loudest: AuditRuleGroup?)? {
        guard let start = samples.last(where: { $0.time + seconds * 1_000_000_000 <= now }) else { return nil }
        let added = records.merging(start.records) { $0 - $1 }
        let sum = added.values.reduce(0, +)
        return (sum * 1_000_000_000 / max(1, now - start.time), added.max { $0.value < $1.value }?.key)
    }
}

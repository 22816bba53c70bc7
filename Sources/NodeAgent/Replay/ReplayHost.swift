import Detection
import EventModel
import KernelEvents

/// What is replayed of one host: a log that was gathered from several has the serials and pids of each.
final class ReplayHost {
    /// What comes out. Each is called with the host's name.
    struct Outputs {
        var alert: (Alert) -> Void
        /// Each normalised event, if anybody looks at them.
        var event: ((RecordedEvent) -> Void)?
    }

    private let name: String?
    private let rules: RuleSet?
    private let outputs: Outputs
    private var assembler: AuditAssembler
    private var normalizer: AuditNormalizer
    private var processes = RecordedProcesses()
    private var repeats = RepeatFilter()
    /// Nanoseconds since the epoch: the latest stamp so far. It is the clock by which events and windows end.
    private var clock: UInt64 = 0
    // Used again for each event.
    private var event = KernelEvent()
    private var matched: [Int] = []

    init(name: String?, rules: RuleSet?, outputs: Outputs) throws(AuditAssemblerError) {
        self.name = name
        self.rules = rules
        self.outputs = outputs
        assembler = try AuditAssembler()
        // The inodes are another host's: files below /sys are known by their names alone.
        let plan = rules?.auditPlan ?? AuditPlan()
        normalizer = AuditNormalizer(watched: AuditRuleSet(plan: plan) { _ in nil }.watched)
    }

    /// A record of a log.
    func take(type: UInt16, stamp: AuditStamp, record: Span<UInt8>) {
        clock = max(clock, stamp.time &* 1_000_000)
        assembler.expire(now: clock) { assembled in take(assembled) }
        assembler.add(type: type, payload: record, now: clock) { assembled in take(assembled) }
    }

    /// An event that was recorded with who did it. False for one that is none.
    func take(_ recorded: RecordedEvent) -> Bool {
        guard let event = recorded.kernelEvent, let who = recorded.who else { return false }
        clock = max(clock, event.time)
        judge(event, who, records: recorded.records ?? [])
        return true
    }

    /// The log is at its end.
    func end() {
        assembler.flush { assembled in take(assembled) }
        for count in repeats.takeCounts(at: nil) { outputs.alert(count.alert) }
    }

    private func take(_ assembled: AuditEvent) {
        guard normalizer.normalize(assembled, received: clock, into: &event) else { return }
        let who = processes.attribution(of: event, assembled)
        judge(event, who, records: outputs.event == nil ? [] : assembled.lines)
    }

    private func judge(_ event: KernelEvent, _ who: Attribution, records: [String]) {
        if let show = outputs.event { show(RecordedEvent(event, who, records: records, host: name)) }
        guard let rules else { return }
        for count in repeats.takeCounts(at: clock) { outputs.alert(count.alert) }
        rules.candidates(for: event, into: &matched)
        guard !matched.isEmpty else { return }
        for rule in rules.matches(for: event, attribution: who, candidates: matched) {
            let name = rules.rules[rule].name
            guard repeats.admit(rule: name, event: event, attribution: who) else { continue }
            let alert = rules.alert(rule: rule, event: event, attribution: who)
            repeats.keep(alert)
            outputs.alert(alert)
        }
    }
}

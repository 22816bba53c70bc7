package import EventModel

/// All rules of all files, compiled together. A value: whoever holds it can evaluate, and nothing changes.
package struct RuleSet: Sendable {
    package let rules: [Rule]
    /// What loads but does not do what its author may believe.
    package let warnings: [RuleError]
    let program: Program
    /// Indices into `rules`, ascending, at each event type's raw value.
    private let rulesByType: [[Int]]

    /// - Parameter files: in the order in which they are loaded: a later definition replaces an earlier one.
    /// - Throws: every error of every file.
    package init(files: [(name: String, text: String)]) throws(RuleErrors) {
        var loader = RuleLoader()
        for (name, text) in files { loader.read(name: name, text: text) }
        let loaded = loader.compile()
        guard loaded.errors.isEmpty else { throw RuleErrors(errors: loaded.errors) }
        rules = loaded.rules
        warnings = loaded.warnings
        program = loaded.program
        var rulesByType = [[Int]](repeating: [], count: EventType.allCases.count)
        for (index, rule) in rules.enumerated() where rule.isEnabled {
            for type in rule.eventTypes where type != .other { rulesByType[Int(type.rawValue)].append(index) }
        }
        self.rulesByType = rulesByType
    }

    /// Whether an enabled rule can match events of this type.
    package func wants(_ type: EventType) -> Bool { !rulesByType[Int(type.rawValue)].isEmpty }

    /// First phase: the rules that the event alone does not rule out. Fills `candidates` with indices into `rules`; the
    /// caller keeps the array, so that an event which matches nothing costs no allocation.
    package func candidates(for event: borrowing KernelEvent, into candidates: inout [Int]) {
        candidates.removeAll(keepingCapacity: true)
        let possible = rulesByType[Int(event.type.rawValue)]
        for index in 0..<possible.count {
            if verdict(of: possible[index], event: event, attribution: nil) != .no {
                candidates.append(possible[index])
            }
        }
    }

    /// What one rule says to an event, whether the rule is enabled or not; with attribution never `unknown`.
    package func verdict(of rule: Int, event: borrowing KernelEvent, attribution: Attribution?) -> Verdict {
        program.verdict(at: rules[rule].root, event: event, attribution: attribution)
    }

    /// Second phase: the rules that do match, in the order of the files (`rule_matching: all`).
    package func matches(for event: KernelEvent, attribution: Attribution, candidates: [Int]) -> [Int] {
        candidates.filter { verdict(of: $0, event: event, attribution: attribution) == .yes }
    }
}

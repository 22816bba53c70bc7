package import EventModel

/// All rules of all files, compiled together. A value: whoever holds it can evaluate, and nothing changes.
package struct RuleSet: Sendable {
    package private(set) var rules: [Rule]
    /// What loads but does not do what its author may believe.
    package let warnings: [RuleError]
    let program: Program
    let matching: Options.Matching
    let stores: ValueStorePool
    /// Indices into `rules`, ascending, at each event type's raw value.
    private var rulesByType: [[Int]]

    /// - Parameter files: in the order in which they are loaded: a later definition replaces an earlier one.
    /// - Throws: every error of every file.
    package init(files: [(name: String, text: String)], options: Options = Options()) throws(RuleErrors) {
        var loader = RuleLoader(options: options)
        for (name, text) in files { loader.read(name: name, text: text) }
        let loaded = loader.compile()
        guard loaded.errors.isEmpty else { throw RuleErrors(errors: loaded.errors, warnings: loaded.warnings) }
        rules = loaded.rules
        warnings = loaded.warnings
        program = loaded.program
        matching = options.matching
        stores = ValueStorePool(count: loaded.program.operands.count)
        rulesByType = Self.byType(rules)
    }

    private static func byType(_ rules: [Rule]) -> [[Int]] {
        var rulesByType = [[Int]](repeating: [], count: EventType.allCases.count)
        for (index, rule) in rules.enumerated() where rule.isEnabled {
            for type in rule.eventTypes where type != .other { rulesByType[Int(type.rawValue)].append(index) }
        }
        return rulesByType
    }

    /// The same rules with only one of them switched on, and that one in any case: its plans say what it asks for alone.
    package func only(_ rule: Int) -> RuleSet {
        var only = self
        for index in rules.indices { only.rules[index].isEnabled = index == rule }
        only.rulesByType = Self.byType(only.rules)
        return only
    }

    /// Whether an enabled rule can match events of this type.
    package func wants(_ type: EventType) -> Bool { !rulesByType[Int(type.rawValue)].isEmpty }

    /// First phase: the rules that the event alone does not rule out. Fills `candidates` with indices into `rules`; the
    /// caller keeps the array, so that an event which matches nothing costs no allocation.
    package func candidates(for event: borrowing KernelEvent, into candidates: inout [Int]) {
        candidates.removeAll(keepingCapacity: true)
        let possible = rulesByType[Int(event.type.rawValue)]
        if possible.isEmpty { return }
        var store = stores.take()
        store.begin()
        for index in 0..<possible.count {
            let root = rules[possible[index]].root
            if program.verdict(at: root, event: event, attribution: nil, store: &store) != .no {
                candidates.append(possible[index])
            }
        }
        stores.put(store)
    }

    /// What one rule says to an event, whether the rule is enabled or not; with attribution never `unknown`.
    package func verdict(of rule: Int, event: borrowing KernelEvent, attribution: Attribution?) -> Verdict {
        var store = stores.take()
        store.begin()
        let verdict = program.verdict(at: rules[rule].root, event: event, attribution: attribution, store: &store)
        stores.put(store)
        return verdict
    }

    /// Second phase: the rules that do match, in the order of the files; with `rule_matching: first` one at most.
    package func matches(for event: KernelEvent, attribution: Attribution, candidates: [Int]) -> [Int] {
        var matches: [Int] = []
        var store = stores.take()
        store.begin()
        for index in candidates.indices {
            let candidate = candidates[index]
            let root = rules[candidate].root
            guard program.verdict(at: root, event: event, attribution: attribution, store: &store) == .yes else {
                continue
            }
            matches.append(candidate)
            if matching == .first { break }
        }
        stores.put(store)
        return matches
    }
}

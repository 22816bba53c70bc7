import CParse
import Detection
import EventModel

/// Falco's own rules, all of them enabled, over ordinary events: what an event costs, and how that grows with the number of
/// rules; how long it takes to load them.
///
/// The rules are read from `NODEAGENT_TEST_DATA` (`../shared/data`). More than there are is the same ones again under other
/// names, fewer are the first ones.
enum RuleBench {
    private static let counts = [1, 10, 56, 560]
    private static let rounds = 9
    private static let passes = 400

    static func run() -> [(name: String, value: Double, limit: Double, unit: String)] {
        let missing = [(name: "Falco's rules load", value: 1.0, limit: 0.0, unit: "errors")]
        guard let items = readItems() else { return missing }
        var sets: [RuleSet] = []
        var loading: [Double] = []
        for count in counts {
            guard let text = rules(items, count) else { return missing }
            var set: RuleSet?
            let time = nanoseconds { set = try? RuleSet(files: [(name: "falco.yaml", text: text)], options: all) }
            guard let set, set.rules.count == count else { return missing }
            sets.append(set)
            loading.append(time)
        }
        let events = ordinaryEvents()
        guard !events.isEmpty else { return missing }
        var times = [[Double]](repeating: [], count: sets.count)
        var allocated: UInt64 = 0
        var matched = 0
        let attribution = containerProcess
        var candidates: [Int] = []
        candidates.reserveCapacity(counts.max() ?? 0)
        // In turns, so that a busy machine slows all alike. The first round only warms up.
        for round in 0...rounds {
            for index in sets.indices {
                let before = cparse_allocations()
                let time = nanoseconds { matched &+= pass(sets[index], events, attribution, &candidates) }
                let made = cparse_allocations() - before
                guard round > 0 else { continue }
                times[index].append(time / Double(passes * events.count))
                if counts[index] == 56 { allocated += made }
            }
        }
        let medians = times.map(median)
        var figures: [(name: String, value: Double, limit: Double, unit: String)] = []
        for (index, count) in counts.enumerated() {
            figures.append(("\(count) rules, an event", medians[index], .infinity, "ns"))
        }
        let growth = medians[3] / medians[2]
        figures.append(("56 rules, events in a second", 1e9 / medians[2], .infinity, ""))
        figures.append(("56 rules, an event that none matches", medians[2], 20_000, "ns"))
        figures.append(("56 rules, allocations", Double(allocated), 0, ""))
        figures.append(("560 rules to 56, an event", growth, 10, "x"))
        figures.append(("56 rules, reading and compiling", loading[2] / 1e6, 500, "ms"))
        figures.append(("560 rules, reading and compiling", loading[3] / 1e6, 5_000, "ms"))
        figures.append(("ordinary events that a rule matches", Double(matched), 0, ""))
        return figures
    }

    /// Every rule is enabled, as one would who pays for all of them.
    private static var all: RuleSet.Options {
        var options = RuleSet.Options()
        options.selection = [RuleSet.Selection(.name("*"), isEnabled: true)]
        return options
    }

    /// First phase and, for what that leaves, the second with everything known of a process in a container.
    private static func pass(
        _ rules: RuleSet, _ events: [KernelEvent], _ attribution: Attribution, _ candidates: inout [Int]
    ) -> Int {
        var matched = 0
        for _ in 0..<passes {
            for index in events.indices {
                rules.candidates(for: events[index], into: &candidates)
                for candidate in candidates
                where rules.verdict(of: candidate, event: events[index], attribution: attribution) == .yes {
                    matched += 1
                }
            }
        }
        return matched
    }
}

import Detection
import EventModel

/// Whether a rule does here what its author means.
struct RuleCoverage {
    enum Verdict: String, Encodable {
        case live
        /// It alerts, and misses something of what it asks for.
        case approximate
        case impossible
    }

    let verdict: Verdict
    /// How it is approximate, or why it is impossible; in Markdown.
    let reasons: [String]

    /// - Parameters:
    ///   - index: the rule's place in `rules`.
    ///   - told: the events that the kernel tells because of this rule.
    init(_ index: Int, of rules: RuleSet, told: Set<EventType>) {
        let rule = rules.rules[index]
        let lacks = rule.lacks
        let silent = rule.eventTypes.subtracting(told)
        guard lacks.neverMatches == nil, silent != rule.eventTypes else {
            verdict = .impossible
            reasons = Self.obstacles(lacks, silent)
            return
        }
        var reasons: [String] = []
        if !silent.isEmpty { reasons.append(Self.notAsked(silent)) }
        reasons += Self.foreign(lacks) + rules.gaps(of: index)
        reasons += Self.reasons(lacks.conditionFields, "a comparison is false with ")
        reasons += Self.reasons(
            lacks.outputFields.filter { !lacks.conditionFields.contains($0) }, "its output lacks ")
        self.reasons = reasons
        verdict = reasons.isEmpty ? .live : .approximate
    }

    private static func obstacles(_ lacks: RuleLacks, _ silent: Set<EventType>) -> [String] {
        guard let reason = lacks.neverMatches else { return [notAsked(silent)] + foreign(lacks) }
        if lacks.eventTypes.isEmpty, !lacks.conditionFields.isEmpty {
            return reasons(lacks.conditionFields, "no source here tells ")
        }
        return [reason] + reasons(lacks.conditionFields, "")
    }

    private static func foreign(_ lacks: RuleLacks) -> [String] {
        lacks.eventTypes.isEmpty ? [] : ["no source here tells of \(list(lacks.eventTypes))"]
    }

    private static func notAsked(_ types: Set<EventType>) -> String {
        "the kernel is not asked for \(list(types.sorted { $0.rawValue < $1.rawValue }.map(\.name)))"
    }

    /// One for each reason why fields are not fed.
    private static func reasons(_ fields: [FieldID], _ lead: String) -> [String] {
        var grouped: [(why: String, names: [String])] = []
        for field in fields.compactMap({ FieldCatalog.field(named: $0.rawValue) }) {
            guard let why = field.whyUnfed else { continue }
            if let place = grouped.firstIndex(where: { $0.why == why }) {
                grouped[place].names.append(field.name)
            } else {
                grouped.append((why, [field.name]))
            }
        }
        return grouped.map { "\(lead)\(list($0.names)): \($0.why)" }
    }

    private static func list(_ names: [String]) -> String { names.map { "`\($0)`" }.joined(separator: ", ") }
}

import EventModel
import Yams

/// A file of tests beside rule files: recordings, and the alerts that come of each.
struct RuleTestFile {
    struct Case {
        var name: String
        /// Read as one log.
        var logs: [String]
        /// Exactly these are to come, in any order.
        var alerts: [Expectation]
    }

    /// One alert: its rule, and of its fields those that matter.
    struct Expectation {
        var rule: String
        var priority: Priority?
        /// As the alert's text has the value; nil for one that is not known.
        var fields: [(name: String, value: String?)]
    }

    /// In the order in which they are loaded.
    private(set) var rules: [String] = []
    private(set) var cases: [Case] = []

    private static let keys = ["version", "rules", "cases"]

    /// - Throws: what is wrong, with its place; a rule that no file has is found by who loads the rules.
    init(_ path: String) throws(ConfigurationError) {
        let document = try YAMLDocument.read(path)
        let root = try document.mapping("version: 1")
        var version: Int?
        var rules: [String] = []
        var cases: [Case] = []
        try document.section(root, "a file of rule tests", keys: Self.keys) { key, node throws(ConfigurationError) in
            switch key {
            case "version": version = try document.integer(node, 1...1)
            case "rules": rules = try Self.paths(node, document)
            case "cases":
                guard let sequence = node.sequence else { throw document.error(node, "expected a list of cases") }
                for element in sequence { cases.append(try Self.testCase(element, document)) }
            default: return false
            }
            return true
        }
        guard version != nil else { throw document.error(root, "expected 'version: 1'") }
        guard !rules.isEmpty else { throw document.error(root, "expected 'rules', the files that are tested") }
        guard !cases.isEmpty else { throw document.error(root, "expected 'cases'") }
        self.rules = rules
        self.cases = cases
    }

    private static func paths(_ node: Node, _ document: YAMLDocument) throws(ConfigurationError) -> [String] {
        try document.strings(node).map { document.path($0) }
    }

    private static func testCase(_ node: Node, _ document: YAMLDocument) throws(ConfigurationError) -> Case {
        var name: String?
        var logs: [String] = []
        var alerts: [Expectation]?
        try document.section(node, "a case", keys: ["name", "logs", "alerts"]) { key, node throws(ConfigurationError) in
            switch key {
            case "name": name = try document.string(node)
            case "logs": logs = try paths(node, document)
            case "alerts":
                guard let sequence = node.sequence else {
                    throw document.error(node, "expected a list of alerts, [] for none")
                }
                var expected: [Expectation] = []
                for element in sequence { expected.append(try expectation(element, document)) }
                alerts = expected
            default: return false
            }
            return true
        }
        guard let name else { throw document.error(node, "expected 'name'") }
        guard !logs.isEmpty else { throw document.error(node, "expected 'logs', the recordings") }
        guard let alerts else { throw document.error(node, "expected 'alerts', [] for none") }
        return Case(name: name, logs: logs, alerts: alerts)
    }

    private static func expectation(
        _ node: Node, _ document: YAMLDocument
    ) throws(ConfigurationError) -> Expectation {
        var rule: String?
        var expectation = Expectation(rule: "", priority: nil, fields: [])
        try document.section(node, "an alert", keys: ["rule", "priority", "fields"]) {
            key, node throws(ConfigurationError) in
            switch key {
            case "rule": rule = try document.string(node)
            case "priority":
                guard let priority = Priority(name: try document.string(node)) else {
                    throw document.error(node, "expected a priority")
                }
                expectation.priority = priority
            case "fields":
                try document.section(node, "the fields") { name, value throws(ConfigurationError) in
                    guard let scalar = value.scalar else { throw document.error(value, "expected a value") }
                    let isMissing = scalar.style == .plain && ["", "~", "null"].contains(scalar.string)
                    expectation.fields.append((name, isMissing ? nil : scalar.string))
                    return true
                }
            default: return false
            }
            return true
        }
        guard let rule else { throw document.error(node, "expected 'rule'") }
        expectation.rule = rule
        return expectation
    }
}

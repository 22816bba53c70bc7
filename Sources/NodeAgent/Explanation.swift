import Detection
import EventModel

/// Why an alert was told: what `nodeagent explain` prints. The keys are a contract.
struct Explanation: Codable, Sendable {
    struct Rule: Codable, Sendable {
        var name: String
        var priority: String
        var file: String
        var line: Int
        var column: Int
        var description: String
    }
    struct Finding: Codable, Sendable {
        /// 0 for the condition itself; parts follow what they are parts of.
        var depth: Int
        var text: String
        var value: String?
        var holds: Bool
    }
    struct Fact: Codable, Sendable {
        var field: String
        var value: String
    }

    var alert: String
    /// RFC 3339.
    var time: String
    var output: String
    var rule: Rule
    var condition: [Finding]
    /// audit, fanotify, inventory.
    var source: String
    /// Every field that the event and its actor have.
    var facts: [Fact]
    /// The kernel's records as they came, where the source is audit.
    var records: [String]
    /// Why it is that container, line by line.
    var attribution: [String]
}

extension Explanation {
    init(_ grounds: AlertGrounds.Entry) {
        let (event, attribution) = (grounds.event, grounds.attribution)
        let rule = grounds.rules.rules[grounds.rule]
        alert = grounds.id
        time = Timestamp(grounds.alert.time).rfc3339
        output = grounds.alert.output
        self.rule = Rule(
            name: rule.name, priority: rule.priority.name, file: rule.file, line: rule.position.line,
            column: rule.position.column, description: rule.description)
        condition = grounds.rules.findings(of: grounds.rule, event: event, attribution: attribution).map {
            Finding(depth: $0.depth, text: $0.text, value: $0.value, holds: $0.verdict == .yes)
        }
        source = event.source.name
        facts = FieldCatalog.all.compactMap { field in
            let value = FieldExtraction.value(of: field.id, index: -1, event: event, attribution: attribution)
            return value == .missing ? nil : Fact(field: field.name, value: value.printed(event))
        }
        records = grounds.records
        self.attribution = Self.lines(attribution, event)
    }

    private static func lines(_ attribution: Attribution, _ event: KernelEvent) -> [String] {
        var lines: [String] = []
        switch attribution.certainty {
        case .certain:
            lines.append("certain: the process was read while it lived, or its cgroup was known before it ended")
        case .inherited:
            lines.append("inherited: the process was gone; what its parent or its fork was in stands for it")
        case .ambiguous(let why): lines.append("ambiguous: \(why)")
        case .unknown: lines.append("unknown: nothing is known of process \(event.pid)")
        }
        if let process = attribution.process { lines.append("process " + line(of: process)) }
        for ancestor in attribution.ancestors { lines.append("child of " + line(of: ancestor)) }
        guard let container = attribution.container else {
            lines.append("no container: the host's own process, or one that is not known")
            return lines
        }
        lines.append(
            "container \(container.id.rawValue), \(container.runtime.rawValue)"
                + (container.name.map { ", name \($0)" } ?? "") + (container.image.map { ", image \($0)" } ?? ""))
        lines.append(
            "its cgroup \(container.cgroupPath)" + (container.cgroup.map { " (inode \($0.rawValue))" } ?? "")
                + (container.initProcess.map { ", its first process \($0.pid)" } ?? ""))
        if let outer = container.outer { lines.append("inside container \(outer.rawValue)") }
        if let privileges = container.privileges, let verdict = privileges.verdict {
            lines.append("its rights: \(verdict.rawValue) (\(privileges.reasons.joined(separator: ", ")))")
        }
        return lines
    }

    private static func line(of process: ProcessRecord) -> String {
        let place = process.containerID.map { "in container \($0.short)" } ?? "on the host"
        let setup = process.isContainerSetup ? ", a runtime that sets a container up" : ""
        let words = process.commandLine.isEmpty ? process.comm : process.commandLine.joined(separator: " ")
        return "\(process.key.pid), \(process.executablePath), \(place)\(setup): \(words)"
    }
}

import ContainerInventory
import EventModel
import FoundationEssentials

/// The posture as SARIF 2.1.0 (OASIS), for what shows findings of many tools: each check is a rule, what is broken a
/// result, what is allowed a suppressed one. Files there are none: a result lies in a container, as a logical location.
enum PostureSARIF {
    static func bytes(_ report: PostureReport, host: String) -> Data {
        let told = report.findings.filter { $0.status == .warn || $0.status == .fail || $0.allowance != nil }
        let checks = Posture.checks
        let places = Dictionary(uniqueKeysWithValues: checks.enumerated().map { ($0.element.id, $0.offset) })
        let driver = Driver(
            name: "nodeagent", version: NodeAgent.version, informationUri: "https://attack.mitre.org/techniques/T1611/",
            rules: checks.map(Rule.init))
        let run = Run(
            tool: Tool(driver: driver),
            results: told.map { Result($0, host: host, rule: places[$0.check.id] ?? 0) })
        return (try? JSONEncoder.printed.encode(Log(runs: [run]))) ?? Data()
    }

    private struct Log: Encodable {
        var schema = "https://json.schemastore.org/sarif-2.1.0.json"
        var version = "2.1.0"
        var runs: [Run]
        enum CodingKeys: String, CodingKey {
            case schema = "$schema"
            case version, runs
        }
    }
    private struct Run: Encodable {
        var tool: Tool
        var results: [Result]
    }
    private struct Tool: Encodable { var driver: Driver }
    private struct Driver: Encodable {
        var name: String
        var version: String
        var informationUri: String
        var rules: [Rule]
    }
    private struct Message: Encodable { var text: String }

    private struct Rule: Encodable {
        var id: String
        var shortDescription: Message
        var help: Message
        var defaultConfiguration: Level
        var properties: Properties

        init(_ check: PostureCheck) {
            id = check.id
            shortDescription = Message(text: check.title)
            help = Message(text: check.remedy)
            defaultConfiguration = Level(level: level(check.severity))
            properties = Properties(
                tags: ["security", check.technique] + (check.cis.map { ["CIS Docker \($0)"] } ?? []),
                severity: score(check.severity))
        }
    }
    private struct Level: Encodable { var level: String }
    private struct Properties: Encodable {
        var tags: [String]
        /// 0.0 to 10.0, what code scanners sort by.
        var severity: String
        enum CodingKeys: String, CodingKey {
            case tags
            case severity = "security-severity"
        }
    }

    private struct Result: Encodable {
        var ruleId: String
        var ruleIndex: Int
        var level: String
        var message: Message
        var locations: [Location]
        var partialFingerprints: [String: String]
        var suppressions: [Suppression]?

        init(_ finding: PostureFinding, host: String, rule: Int) {
            ruleId = finding.check.id
            ruleIndex = rule
            level = PostureSARIF.level(finding.check.severity)
            let subject = finding.container.map { $0.name ?? $0.id.short } ?? host
            message = Message(text: "\(subject): \(finding.detail)")
            let name = finding.container.map { "\(host)/\($0.id.rawValue)" } ?? host
            locations = [
                Location(logicalLocations: [
                    LogicalLocation(name: subject, fullyQualifiedName: name, kind: "resource")
                ])
            ]
            // The image and not the container's id: the same finding after a restart is the same finding.
            let place = finding.container?.image ?? (finding.check.id == "allowlist-expired" ? finding.detail : name)
            partialFingerprints = ["nodeagent/v1": "\(finding.check.id):\(place)"]
            suppressions = finding.allowance.map { [Suppression(kind: "external", justification: $0.reason)] }
        }
    }
    private struct Location: Encodable { var logicalLocations: [LogicalLocation] }
    private struct LogicalLocation: Encodable {
        var name: String
        var fullyQualifiedName: String
        var kind: String
    }
    private struct Suppression: Encodable {
        var kind: String
        var justification: String
    }

    private static func level(_ severity: PostureSeverity) -> String {
        switch severity {
        case .critical, .high: "error"
        case .medium: "warning"
        case .low, .info: "note"
        }
    }

    private static func score(_ severity: PostureSeverity) -> String {
        switch severity {
        case .critical: "9.5"
        case .high: "8.0"
        case .medium: "5.5"
        case .low: "2.5"
        case .info: "0.0"
        }
    }
}

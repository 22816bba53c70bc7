import ArgumentParser
import EventModel
import FoundationEssentials
import Glibc

/// `nodeagent explain`: why an alert was told.
struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Show why an alert was told: the rule, the kernel's records, whose it was.",
        discussion: """
            The running agent remembers the last 256 alerts of rules. An alert's id ends its line of text and is alert.id in \
            its JSON. '-' takes the JSON line of an alert from standard input.
            Exit status: 0 shown, 1 there is no such alert, or no agent runs.
            """)

    enum Output: String, ExpressibleByArgument, CaseIterable { case text, json }

    @Argument(help: "The alert's id, or '-'; left out, the last alert.") var alert: String?
    @Option(help: "How to print it.") var output: Output = .text
    @Option(name: .customLong("runtime-directory"), help: "Where the agent's control socket lies.")
    var runtimeDirectory: String?

    func run() throws {
        let id = alert == "-" ? try Self.idFromInput() : alert
        let response = try Control.ask(ControlRequest(command: .explain, alert: id), runtimeDirectory)
        guard let explanation = response.explanation else {
            CommandFailure(.failed, "the agent that runs cannot explain: it is of another version").exit()
        }
        switch output {
        case .json: print(String(decoding: try JSONEncoder.printed.encode(explanation), as: UTF8.self))
        case .text: print(explanation.text, terminator: "")
        }
    }

    private static func idFromInput() throws -> String {
        struct Line: Decodable {
            struct Fields: Decodable {
                var id: String
                enum CodingKeys: String, CodingKey { case id = "alert.id" }
            }
            var output_fields: Fields
        }
        guard let line = readLine(), let alert = try? JSONDecoder().decode(Line.self, from: Data(line.utf8)) else {
            CommandFailure(.failed, "standard input has no alert in JSON with an alert.id").exit()
        }
        return alert.output_fields.id
    }
}

extension Explanation {
    /// For a person.
    var text: String {
        var lines = ["\(alert)  \(rule.priority)  \(time)", output, ""]
        lines.append("Rule")
        lines.append("  \(rule.name)")
        lines.append("  \(rule.file):\(rule.line):\(rule.column)")
        lines += ["", "Why it matched"]
        for finding in condition {
            let indentation = String(repeating: "  ", count: finding.depth)
            let value = finding.value.map { "   [\($0)]" } ?? ""
            lines.append("  \(finding.holds ? "yes" : "no ") \(indentation)\(finding.text)\(value)")
        }
        lines += ["", "Why this container"]
        lines += attribution.map { "  \($0)" }
        lines += ["", "What \(source) told"]
        lines += records.map { "  \($0)" }
        let width = facts.map(\.field.count).max() ?? 0
        lines += facts.map { "  \($0.field)\(String(repeating: " ", count: width - $0.field.count))  \($0.value)" }
        return lines.map { printable($0) + "\n" }.joined()
    }
}

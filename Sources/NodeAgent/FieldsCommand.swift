import ArgumentParser
import Detection
import EventModel
import FoundationEssentials

/// `nodeagent fields`: the fields that rules can name.
struct FieldsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fields", abstract: "Print the fields of the rule language.",
        discussion: """
            For each field its type, the sources that feed it, what it is and an example. Fields that Falco has and that no \
            source here can feed are listed too, with the reason: rules that name them load, and every comparison with them \
            is false. Sources: audit, fanotify, inventory (a container that started, a process that left its cgroup), \
            processes (the process connector and /proc), containers (the runtimes' files and the kernel's view).
            Exit status: 0, 1 when no field has such a name.
            """)

    enum Output: String, ExpressibleByArgument, CaseIterable { case table, json, markdown }

    @Option(help: "How to print them.") var output: Output = .table
    @Argument(help: "A part of the name, or a pattern in which * stands for anything.") var namePattern: String?

    func run() throws {
        let fields = FieldCatalog.all.filter(isWanted)
        guard !fields.isEmpty else {
            let name = namePattern ?? ""
            let near = Suggestion.nearest(to: name, among: FieldCatalog.all.map(\.name))
            let hint = near.map { "; did you mean '\($0)'?" } ?? ""
            CommandFailure(.failed, "no field has the name '\(EscapedText.escaped(name))'\(hint)").exit()
        }
        switch output {
        case .table: print(Self.table(fields), terminator: "")
        case .json: print(String(decoding: try JSONEncoder.printed.encode(fields.map(Listing.init)), as: UTF8.self))
        case .markdown: print(Self.markdown(fields), terminator: "")
        }
    }

    private func isWanted(_ field: FieldDescription) -> Bool {
        guard let namePattern else { return true }
        return namePattern.contains("*")
            ? NamePattern(namePattern).matches(field.name) : field.name.contains(namePattern)
    }

    /// The keys are a contract.
    private struct Listing: Encodable {
        var name: String
        /// `N` or `NAME`: what its brackets take.
        var argument: String?
        var type: String
        var description: String
        var example: String
        var fed: Bool
        var sources: [String]
        /// Why nothing feeds it.
        var reason: String?

        init(_ field: FieldDescription) {
            name = field.name
            argument = field.argument
            type = field.type.rawValue
            description = field.description
            example = field.example
            fed = field.isFed
            sources = field.sources.map(\.rawValue)
            reason = field.whyUnfed
        }
    }

    private static func name(_ field: FieldDescription) -> String {
        field.name + (field.argument.map { "[\($0)]" } ?? "")
    }

    private static func sources(_ field: FieldDescription) -> String {
        field.isFed ? field.sources.map(\.rawValue).joined(separator: ", ") : "none"
    }

    private static func table(_ fields: [FieldDescription]) -> String {
        TextTable.text(
            ["FIELD", "TYPE", "SOURCES", "DESCRIPTION"],
            fields.map { field in
                let more = field.whyUnfed.map { "; not fed: \($0)" } ?? "; example: \(field.example)"
                return [name(field), field.type.rawValue, sources(field), field.description + more]
            })
    }

    /// As docs/fields.md has them.
    private static func markdown(_ fields: [FieldDescription]) -> String {
        func rows(_ header: [String], _ fields: [FieldDescription], _ last: (FieldDescription) -> [String]) -> String {
            ([header, header.map { _ in "---" }]
                + fields.map { ["`\(name($0))`", $0.type.rawValue, $0.description] + last($0) })
                .map { "| \($0.map(markdownCell).joined(separator: " | ")) |\n" }.joined()
        }
        let fed = rows(["field", "type", "what it is", "sources", "example"], fields.filter(\.isFed)) {
            [sources($0), "`\($0.example)`"]
        }
        let unfed = rows(["field", "type", "what it is in Falco", "why nothing feeds it"], fields.filter { !$0.isFed })
        {
            [$0.whyUnfed ?? ""]
        }
        return "## Fields that are fed\n\n\(fed)\n## Fields of Falco's that are not fed\n\n\(unfed)"
    }
}

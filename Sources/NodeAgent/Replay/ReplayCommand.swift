import ArgumentParser
import Detection
import EventModel
import Reporting

/// `nodeagent replay`: recorded logs through the rules.
struct ReplayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay", abstract: "Run recorded audit logs through rules, and print the alerts.",
        discussion: """
            Takes logs as auditd writes them (/var/log/audit/audit.log; raw or ENRICHED, with or without node=), what \
            'ausearch --raw' prints, and what 'nodeagent record' wrote. Several are read as one log, in the order given. \
            Nothing of this host is read: containers are known from what 'nodeagent record' wrote alone, in other logs \
            an act is told with attribution=unknown. Needs no root where the files can be read.
            Exit status: 0 replayed, 1 a file could not be read, 78 the rules are invalid.
            """)

    @Argument(help: "The logs, or '-' for standard input.") var logs: [String]
    @Option(parsing: .upToNextOption, help: "Rule files, or directories of *.yaml files.") var rules: [String] = []
    @Option(help: "How alerts are printed.") var output: AlertFormat = .text
    @Flag(help: "Print the normalised events instead, one JSON object a line; needs no rules.") var events = false

    func validate() throws {
        guard events || !rules.isEmpty else { throw ValidationError("Either --rules or --events is needed.") }
    }

    func run() throws {
        let ruleSet: RuleSet?
        do {
            ruleSet = events ? nil : try LoadedRules(ruleFiles: rules).rules
        } catch {
            error.exit()
        }
        for warning in ruleSet?.warnings ?? [] { writeError("\(warning.warningDescription)\n") }
        var show: ((RecordedEvent) -> Void)?
        if events { show = { writeOutput($0.line) } }
        let (format, here) = (output, hostname())
        let replay = Replay(
            rules: ruleSet,
            outputs: Replay.Outputs(
                alert: { writeOutput($0.line(format, hostname: $1 ?? here, colored: false)) }, event: show))
        do {
            for log in logs { try replay.read(log) }
        } catch {
            CommandFailure(.failed, "\(error)").exit()
        }
        replay.end()
        if replay.lost > 0 {
            writeError("nodeagent: \(replay.lost) events are not in the recording, more than it could take\n")
        }
        let malformed = replay.malformed
        if let first = malformed.first {
            writeError(
                "nodeagent: \(malformed.count) line(s) left out that are no record, the first is \(EscapedText.escaped(first.file)):\(first.line)\n"
            )
        }
    }
}

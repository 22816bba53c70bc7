import ArgumentParser
import ContainerInventory
import EventModel
import Glibc
import LinuxSystem

/// `nodeagent posture`: how the containers and the host stand, read now.
struct PostureCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "posture", abstract: "Examine how the containers of this host and the host itself are set up.",
        discussion: """
            Prints a finding for each check and container: PASS, WARN (low or medium severity), FAIL (high or critical) or \
            INFO. Exit status: 0; with --fail-on 5 when something that is not allowed is at or above that severity.
            """)

    enum Output: String, ExpressibleByArgument, CaseIterable { case table, json, sarif }

    @Option(help: "How to print them.") var output: Output = .table
    @Option(name: .customLong("fail-on"), help: "The lowest severity that gives exit status 5.") var failOn: Level?
    @Option(help: "What is allowed to be as it is (default: \(Self.defaultAllowlist), if it is there).")
    var allowlist: String?
    @Option(name: .customLong("runtime-directory"), help: "Where the agent's control socket lies.")
    var runtimeDirectory: String?
    @Flag(help: "In the table, what passed as well.") var all = false
    @Flag(name: .customLong("list-checks"), help: "Print the checks instead.") var listChecks = false

    enum Level: String, ExpressibleByArgument, CaseIterable { case low, medium, high, critical }

    private static let defaultAllowlist = "/etc/nodeagent/allowlist.yaml"

    func run() throws {
        if listChecks {
            print(PostureTable.checks(Posture.checks), terminator: "")
            return
        }
        guard getuid() == 0 else {
            CommandFailure(.missingRight, "posture needs root: it reads /proc and the runtimes' own files").exit()
        }
        let directory = runtimeDirectory ?? Configuration().resolvedRuntimeDirectory(environment())
        let agent = try? ControlClient.ask(ControlRequest(command: .inventory), at: directory + "/control.sock")
        let host = try HostInventory.read(known: agent?.containers ?? [])
        let now = Timestamp(realtimeNanoseconds())
        let posture = Posture(reader: host.reader, allowlist: readAllowlist(), today: now.day)
        let report = posture.report(host.containers)
        switch output {
        case .table: print(PostureTable.text(report, all: all), terminator: "")
        case .json: print(String(decoding: PostureJSON.bytes(report, host: hostname(), time: now), as: UTF8.self))
        case .sarif: print(String(decoding: PostureSARIF.bytes(report, host: hostname()), as: UTF8.self))
        }
        if let level = failOn.flatMap({ PostureSeverity(rawValue: $0.rawValue) }), let worst = report.worst,
            worst >= level
        {
            Glibc.exit(ExitStatus.findings.rawValue)
        }
    }

    private func readAllowlist() -> Allowlist {
        if allowlist == nil, unsafe access(Self.defaultAllowlist, F_OK) != 0 { return Allowlist() }
        do throws(ConfigurationError) {
            return try AllowlistReader.read(allowlist ?? Self.defaultAllowlist)
        } catch {
            CommandFailure(.invalidConfiguration, error.description).exit()
        }
    }
}

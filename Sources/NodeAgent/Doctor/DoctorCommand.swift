import ArgumentParser
import EventModel
import Glibc

/// `nodeagent doctor`: what can and cannot be seen on this host, and what to do about it.
struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Tell what can and cannot be seen on this host, and what to do about it.",
        discussion: """
            Each check is PASS, WARN, FAIL or INFO. A running agent is asked for what only it knows; without one the host is \
            looked at alone. Nothing is changed.
            Exit status: 0 nothing is wrong, 5 at least one WARN or FAIL, 1 failed.
            """)

    enum Output: String, ExpressibleByArgument, CaseIterable { case table, json }

    @Option(help: "The configuration file.") var config = "/etc/nodeagent/nodeagent.yaml"
    @Option(help: "How to print it.") var output: Output = .table
    @Option(name: .customLong("runtime-directory"), help: "Where the agent's control socket lies.")
    var runtimeDirectory: String?

    func run() throws {
        guard getuid() == 0 else {
            CommandFailure(.missingRight, "doctor needs root: it asks the kernel's audit and reads other processes")
                .exit()
        }
        // An agent that ends while it is asked is told, and not the end of this.
        signal(SIGPIPE, SIG_IGN)
        let report = DoctorReport(checks: DoctorProbe(config: config, runtimeDirectory: runtimeDirectory).checks())
        switch output {
        case .table: print(report.table(colored: isatty(STDOUT_FILENO) == 1), terminator: "")
        case .json: print(String(decoding: try report.json(), as: UTF8.self))
        }
        Glibc.exit(report.status.rawValue)
    }
}

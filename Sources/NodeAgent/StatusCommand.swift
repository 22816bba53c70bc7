import ArgumentParser
import EventModel
import FoundationEssentials
import Glibc
import Responder

/// `nodeagent status`: what the running agent says of itself.
struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show the running agent, frozen containers and what was done lately.",
        discussion: "Exit status: 0 an agent runs, 1 none does.")

    enum Output: String, ExpressibleByArgument, CaseIterable { case text, json }

    @Option(help: "How to print it.") var output: Output = .text
    @Option(name: .customLong("runtime-directory"), help: "Where the agent's control socket lies.")
    var runtimeDirectory: String?

    func run() throws {
        let response = try Control.ask(ControlRequest(command: .status), runtimeDirectory)
        switch output {
        case .json:
            print(String(decoding: try JSONEncoder.printed.encode(response), as: UTF8.self))
        case .text:
            print(Self.text(response), terminator: "")
        }
    }

    static func text(_ response: ControlResponse) -> String {
        var lines: [String] = []
        if let agent = response.agent {
            lines.append(
                "nodeagent \(agent.version), pid \(agent.pid), up \(agent.uptime) s, response \(agent.response)")
        }
        let frozen = response.frozen ?? []
        if frozen.isEmpty { lines.append("no container is frozen by the agent") }
        for container in frozen {
            lines.append(
                "frozen by \(container.origin): \(Self.name(container.id, container.name)); "
                    + (container.secondsLeft.map { "goes on by itself in \($0) s, or with" } ?? "goes on with")
                    + ": nodeagent release \(Self.short(container.id))")
        }
        for action in (response.actions ?? []).suffix(20) {
            lines.append(
                "\(action.time) \(action.action) \(Self.name(action.id, action.name)): \(action.result)"
                    + (action.reason.map { " (\($0))" } ?? "") + ", by \(action.origin)")
        }
        for (name, value) in (response.status ?? [:]).sorted(by: { $0.key < $1.key }) {
            lines.append("\(name) \(value)")
        }
        return lines.map { printable($0) + "\n" }.joined()
    }

    private static func name(_ id: String, _ name: String?) -> String {
        name.map { "\($0) (\(short(id)))" } ?? short(id)
    }
    private static func short(_ id: String) -> String { ContainerID(validating: id)?.short ?? id }
}

/// `nodeagent isolate`: a container's processes stand still until they are released, or the time is over.
struct IsolateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "isolate", abstract: "Freeze a container: its processes stand still and lose nothing.",
        discussion: """
            The running agent does it, and lets the container go on after the configured time. Without an agent it is done at \
            once and lasts until 'nodeagent release' or the agent's next start.
            Exit status: 0 frozen, 2 not all of it, 3 refused, 1 failed.
            """)

    @Argument(help: "A container: its id, the beginning of one, or its name.") var container: String
    @Option(name: .customLong("runtime-directory"), help: "Where the agent's control socket lies.")
    var runtimeDirectory: String?

    func run() throws {
        try Control.act(ControlRequest(command: .isolate, container: container), runtimeDirectory) {
            isolation, inventory in
            let found = try ContainerReference.find(container, among: inventory.containers)
            let record = isolation.freeze(found, ttl: nil, origin: .operator)
            if record.nanoseconds != nil {
                writeError(
                    "nodeagent: no agent runs: 'nodeagent release \(found.id.short)' ends this, or the agent's next start\n"
                )
            }
            return [record]
        }
    }
}

/// `nodeagent release`: lets a container go on that the agent froze.
struct ReleaseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "release", abstract: "Let a container go on that was frozen.",
        discussion: "Exit status: 0 released, 3 not frozen by the agent, 1 failed.")

    @Argument(help: "A container: its id, the beginning of one, or its name.") var container: String?
    @Flag(help: "Every container that the agent froze.") var all = false
    @Option(name: .customLong("runtime-directory"), help: "Where the agent's control socket lies.")
    var runtimeDirectory: String?

    func validate() throws {
        guard (container != nil) != all else { throw ValidationError("Give a container or --all.") }
    }

    func run() throws {
        try Control.act(ControlRequest(command: .release, container: container), runtimeDirectory) {
            isolation, inventory in
            guard let container else {
                return isolation.status().map { isolation.release($0.container, origin: .operator) }
            }
            let frozen = isolation.status().map(\.container)
            let id = try ContainerReference.findFrozen(container, frozen, inventory.containers)
            return [isolation.release(id, origin: .operator)]
        }
    }
}

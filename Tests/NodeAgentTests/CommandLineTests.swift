import Foundation
import Testing

/// What a script and a person meet at the program's edge: statuses, and which stream says what.
@Suite struct CommandLineTests {
    @Test func tellsItsVersion() throws {
        let run = try AgentProgram().run(["--version"])
        #expect(run.status == 0)
        #expect(run.output.wholeMatch(of: /nodeagent \d+\.\d+\.\d+\n/) != nil)
        #expect(run.errors.isEmpty)
    }

    @Test(arguments: [[], ["--help"], ["help"]])
    func listsItsCommandsAlone(_ arguments: [String]) throws {
        let run = try AgentProgram().run(arguments)
        #expect(run.status == 0)
        #expect(run.output.contains("\n  run ") && run.output.contains("\n  inventory "))
        #expect(!run.output.contains("deliver"), "it is no command for people")
        #expect(run.errors.isEmpty)
    }

    @Test(arguments: [
        ["--bogus"], ["bogus"], ["run", "--bogus"], ["run", "extra"], ["run", "--config"], ["run", "--output", "xml"],
        ["run", "--log-level", "loud"], ["inventory", "--output", "xml"], ["inventory", "extra"], ["deliver", "extra"],
    ])
    func refusesAWrongCommandLine(_ arguments: [String]) throws {
        let run = try AgentProgram().run(arguments)
        #expect(run.status == 64)
        #expect(run.output.isEmpty)
        #expect(run.errors.hasPrefix("Error: "))
        #expect(run.errors.contains("\nUsage: nodeagent "))
    }

    @Test func namesTheChoicesOfAnOption() throws {
        let run = try AgentProgram().run(["run", "--output", "xml"])
        #expect(run.errors.contains("The value 'xml' is invalid for '--output <output>'"))
        #expect(run.errors.contains("'text' and 'json'"))
    }

    @Test(arguments: [AgentProgram.Identity.nobody, .own])
    func leavesDeliverToTheSensor(_ identity: AgentProgram.Identity) throws {
        let run = try AgentProgram().run(["deliver"], as: identity)
        #expect(run.status == 64)
        #expect(run.errors == "nodeagent: deliver is started by 'nodeagent run', which hands it a socket\n")
    }
}

/// Rights are checked after everything that a person can mend without them.
@Suite struct RightsTests {
    private static let needed = [
        "CAP_AUDIT_CONTROL", "CAP_AUDIT_READ", "CAP_SYS_ADMIN", "CAP_NET_ADMIN", "CAP_SYS_PTRACE",
        "CAP_DAC_READ_SEARCH",
    ]

    private static let configuration = AgentProgram.packageRoot.appendingPathComponent("config/nodeagent.yaml")

    @Test func namesEveryCapabilityAndWhatIsLostWithoutIt() throws {
        let run = try AgentProgram().run(configuration: "version: 1\nrules_files: [rules.yaml]\n")
        #expect(run.status == 77)
        #expect(run.output.isEmpty)
        #expect(
            run.errorLines.first == "nodeagent: run needs root with these capabilities, which are missing:")
        let told = run.errorLines.dropFirst().map { $0.split(separator: ": ", maxSplits: 1) }
        let names = told.map { ($0.first ?? "").trimmingCharacters(in: .whitespaces) }
        #expect(names == Self.needed)
        for line in told { #expect((line.last?.count ?? 0) > 20, "\(line)") }
    }

    /// The configuration and the rules as they ship are no hindrance.
    @Test func findsTheShippedConfigurationValid() throws {
        let program = try AgentProgram()
        try program.write(String(contentsOf: Self.configuration, encoding: .utf8), to: "nodeagent.yaml")
        let rules = "rules/escape.yaml"
        try FileManager.default.createDirectory(
            at: program.directory.appendingPathComponent("rules"), withIntermediateDirectories: true)
        let shipped = Self.configuration.deletingLastPathComponent().appendingPathComponent(rules)
        try program.write(String(contentsOf: shipped, encoding: .utf8), to: rules)
        let run = try program.run(["run", "--config", "nodeagent.yaml"])
        #expect(run.status == 77, "\(run.errors)")
    }

    /// A directory's files in the order of their names; others in it, and hidden ones, are none.
    @Test func readsADirectoryOfRules() throws {
        let program = try AgentProgram()
        try program.write("version: 1\nrules_files: [rules.d]\n", to: "nodeagent.yaml")
        var run = try program.run(["run", "--config", "nodeagent.yaml"])
        #expect(run.status == 78)
        #expect(run.errors.contains("the rule file 'rules.d'"), "\(run.errors)")
        try FileManager.default.createDirectory(
            at: program.directory.appendingPathComponent("rules.d"), withIntermediateDirectories: true)
        run = try program.run(["run", "--config", "nodeagent.yaml"])
        #expect(run.status == 77, "an empty one is fine: \(run.errors)")
        try program.write("- macro: m\n  condition: proc.name = a\n", to: "rules.d/10.yaml")
        try program.write("nonsense", to: "rules.d/.hidden.yaml")
        try program.write("nonsense", to: "rules.d/readme")
        for name in ["9.yaml", "20.yaml"] { try program.write("- macro: broken\n", to: "rules.d/\(name)") }
        run = try program.run(["run", "--config", "nodeagent.yaml"])
        #expect(run.status == 78)
        #expect(run.errors.split(separator: "\n").dropFirst().first?.hasPrefix("rules.d/20.yaml:1:") == true)
    }

    @Test(.enabled(if: AgentProgram.isRoot, "only root has a capability to lose"))
    func namesTheOneCapabilityThatRootLacks() throws {
        let program = try AgentProgram()
        try program.write("version: 1\nrules_files: [rules.yaml]\n", to: "nodeagent.yaml")
        try program.write("", to: "rules.yaml")
        let run = try program.run(["run", "--config", "nodeagent.yaml"], as: .rootWithout("net_admin"))
        #expect(run.status == 77)
        #expect(run.errors.contains("\n  CAP_NET_ADMIN: no process connector"))
        #expect(!run.errors.contains("CAP_SYS_ADMIN"))
    }

    @Test(arguments: ["table", "json"]) func tellsThatAnInventoryNeedsRoot(_ output: String) throws {
        let program = try AgentProgram()
        let run = try program.run(
            ["inventory", "--output", output, "--runtime-directory", program.directory.path])
        #expect(run.status == 77)
        #expect(run.output.isEmpty)
        #expect(run.errors == "nodeagent: inventory needs root: it reads /proc and the runtimes' own files\n")
    }
}

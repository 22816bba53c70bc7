import Foundation
import Testing

/// `status`, `isolate` and `release` without an agent, and the configuration of the response.
@Suite struct ResponseCommandTests {
    @Test(arguments: [
        ["release"], ["release", "a", "--all"], ["isolate"], ["isolate", "a", "b"], ["status", "extra"],
    ])
    func refusesAWrongCommandLine(_ arguments: [String]) throws {
        let run = try AgentProgram().run(arguments)
        #expect(run.status == 64)
        #expect(run.errors.hasPrefix("Error: "))
    }

    @Test(arguments: [["status"], ["isolate", "a"], ["release", "--all"]])
    func needsRoot(_ arguments: [String]) throws {
        let run = try AgentProgram().run(arguments + ["--runtime-directory", "run"])
        #expect(run.status == 77)
        #expect(run.errors.contains("needs root"))
    }

    @Test(.enabled(if: AgentProgram.isRoot)) func saysThatNoAgentRuns() throws {
        let program = try AgentProgram()
        let run = try program.run(["status", "--runtime-directory", "run"], as: .own)
        #expect(run.status == 1)
        #expect(run.errors == "nodeagent: no agent listens at run/control.sock (another place: --runtime-directory)\n")
    }

    @Test(.enabled(if: AgentProgram.isRoot)) func actsAloneWithoutAnAgent() throws {
        let program = try AgentProgram()
        let directory = program.directory.appendingPathComponent("run").path
        let unknown = try program.run(["isolate", "na-no-such-container", "--runtime-directory", directory], as: .own)
        #expect(unknown.status == 1)
        #expect(unknown.errors.contains("there is no container 'na-no-such-container'"))
        let nothing = try program.run(["release", "--all", "--runtime-directory", directory], as: .own)
        #expect(nothing.status == 0, "\(nothing.errors)")
        #expect(nothing.output == "nothing was frozen by nodeagent\n")
    }

    private static let response = "version: 1\nrules_files: [rules.yaml]\nresponse:\n"
    private static let rules = """
        - rule: Known
          desc: one
          condition: evt.type = mount
          output: mounted
          priority: NOTICE

        """

    @Test(arguments: [
        ("  mode: dry\n", "4:9", "expected one of off, dry-run, on"),
        ("  freeze_seconds: 0\n", "4:19", "expected a number from 1 to 86400"),
        ("  rules:\n    - rule: Known\n", "5:7", "'actions' is missing or empty; expected collect, freeze, kill"),
        ("  rules:\n    - actions: [kill]\n", "5:7", "'rule' is missing; expected the name of a rule"),
        ("  rules:\n    - rule: Known\n      actions: [stop]\n", "6:17", "expected one of collect, freeze, kill"),
        (
            "  rules:\n    - rule: Unknown\n      actions: [kill]\n", "5:13",
            "there is no rule 'Unknown' in the loaded files"
        ),
        ("  mode: off\nevidence:\n  deadline_seconds: 0\n", "6:21", "expected a number from 1 to 3600"),
    ])
    func refusesAWrongResponse(text: String, place: String, message: String) throws {
        let run = try AgentProgram().run(configuration: Self.response + text, rules: Self.rules)
        #expect(run.status == 78)
        #expect(run.errors.contains("nodeagent.yaml:\(place): error: \(message)\n"), "\(run.errors)")
    }

    /// What is right gets as far as the missing rights.
    @Test(arguments: ["off", "dry-run", "on"]) func takesARightResponse(_ mode: String) throws {
        let text =
            "  mode: \(mode)\n  freeze_seconds: 60\n  rules:\n    - rule: Known\n      actions: [collect, freeze, kill]\n"
        let run = try AgentProgram().run(configuration: Self.response + text, rules: Self.rules)
        #expect(run.status == 77, "\(run.errors)")
    }
}

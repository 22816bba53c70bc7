import Foundation
import Testing

/// `check-config`, and `explain` without an agent.
@Suite struct CheckConfigTests {
    private static let rule = """
        - rule: Known
          desc: one
          condition: evt.type = mount and container.id != host
          output: mounted
          priority: NOTICE

        """

    private func check(_ configuration: String, rules: String = rule) throws -> AgentRun {
        let program = try AgentProgram()
        try program.write(configuration, to: "nodeagent.yaml")
        try program.write(rules, to: "rules.yaml")
        return try program.run(["check-config", "--config", "nodeagent.yaml"])
    }

    @Test func saysWhatWouldRun() throws {
        let run = try check("version: 1\nrules_files: [rules.yaml]\n")
        #expect(run.status == 0)
        #expect(
            run.output.hasPrefix("nodeagent.yaml: valid\n  rules    rules.yaml\n  enabled  1 of 1 rules, 0 warnings\n"))
        #expect(run.output.contains("\n  audit    "))
        #expect(run.errors.isEmpty)
    }

    @Test func saysWhatIsWrong() throws {
        let wrongKey = try check("version: 1\nrules_files: [rules.yaml]\naudit: {mod: auto}\n")
        #expect(wrongKey.status == 78)
        #expect(wrongKey.errors.contains("nodeagent.yaml:3:9: error: unknown key 'mod'"))
        let wrongRule = try check(
            "version: 1\nrules_files: [rules.yaml]\n", rules: "- rule: A\n  condition: evt.typ = x\n")
        #expect(wrongRule.status == 78)
        #expect(wrongRule.errors.contains("rules.yaml:"))
        let noRule = try check(
            "version: 1\nrules_files: [rules.yaml]\nresponse: {mode: on, rules: [{rule: Other, actions: [kill]}]}\n")
        #expect(noRule.status == 78)
        #expect(noRule.errors.contains("there is no rule 'Other'"))
    }

    @Test func warnsAndIsValid() throws {
        let run = try check(
            "version: 1\nrules_files: [rules.yaml]\n",
            rules: Self.rule + Self.rule.replacing("Known", with: "Foreign") + "  source: k8s_audit\n")
        #expect(run.status == 0)
        #expect(run.errors.contains("k8s_audit"))
        #expect(run.output.contains("1 of 1 rules, 1 warnings"))
    }

    @Test(.enabled(if: AgentProgram.isRoot)) func explainsNothingWithoutAnAgent() throws {
        let run = try AgentProgram().run(["explain", "--runtime-directory", "run"], as: .own)
        #expect(run.status == 1)
        #expect(run.errors.contains("no agent listens"))
        let noJSON = try AgentProgram().run(["explain", "-", "--runtime-directory", "run"], as: .own)
        #expect(noJSON.status == 1)
        #expect(noJSON.errors.contains("alert.id"))
    }
}

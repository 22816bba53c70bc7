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

    @Test func takesOptionsOfRules() throws {
        let options = """
            rules: [disable: {rule: "*"}, enable: {tag: known}]
            rule_matching: first
            append_output: [{match: {tags: [known]}, extra_output: "in %container.name at %static.site", extra_fields: [proc.cwd, {where: "%k8s.pod.name"}]}]
            static_fields: {site: north}

            """
        let tagged = Self.rule + "  tags: [known]\n"
        let run = try check(
            "version: 1\nrules_files: [rules.yaml]\n" + options,
            rules: tagged + Self.rule.replacing("Known", with: "Other"))
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.output.contains("  enabled  1 of 2 rules, 0 warnings\n"))
        let wrong = try check(
            "version: 1\nrules_files: [rules.yaml]\nappend_output: [{extra_output: \"%proc.nam\"}]\n")
        #expect(wrong.status == 78)
        #expect(wrong.errors.contains("append_output:1:2: error: expected a field, found `proc.nam`"))
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

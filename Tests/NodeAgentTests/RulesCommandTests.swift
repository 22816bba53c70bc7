import Foundation
import Testing

/// `nodeagent rules`.
@Suite struct RulesCommandTests {
    private static let mounts = """
        - rule: Mounted
          desc: a block device is mounted
          condition: evt.type = mount and file.type = block and container.id != host
          output: mounted
          priority: CRITICAL
          tags: [T1611, mitre_privilege_escalation]
        - rule: Left
          desc: a process left
          condition: evt.type = cgroup_leave
          output: left
          priority: NOTICE
          tags: [T1611, T1059.004, TA0004]
        - rule: Sent
          desc: nothing tells it
          condition: evt.type = sendfile and proc.sid = 22
          output: sent %proc.sid
          priority: NOTICE
          tags: [T1021]
        - rule: Off
          desc: switched off
          condition: evt.type in (mknod, mknodat)
          output: made %proc.sname
          priority: DEBUG
          enabled: false
          tags: [T1543]

        """

    private func run(_ arguments: [String], rules: String = mounts) throws -> AgentRun {
        let program = try AgentProgram()
        try program.write(rules, to: "rules.yaml")
        return try program.run(["rules"] + arguments)
    }

    private func objects(_ run: AgentRun) throws -> [[String: Any]] {
        try #require(try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [[String: Any]])
    }

    // MARK: check

    @Test func checkSaysWhatIsValid() throws {
        let run = try run(["check", "rules.yaml"])
        #expect(run.status == 0)
        #expect(run.output == "valid: 4 rules, 3 enabled, 2 warnings\n")
        #expect(run.errors.contains("rules.yaml:13:9: warning: never matches: no source here tells of `sendfile`"))
        #expect(run.errors.contains("\n    - rule: Sent\n            ^\n"))
        #expect(run.errors.contains("warning: no source here tells `proc.sid` yet"))
        #expect(try self.run(["check", "--strict", "rules.yaml"]).status == 5)
        let clean = try self.run(
            ["check", "--strict", "rules.yaml"],
            rules:
                "- list: a\n  items: []\n- macro: m\n  condition: proc.name in (a)\n- rule: R\n  desc: d\n  condition: evt.type = mount and m\n  output: o\n  priority: INFO\n"
        )
        #expect(clean.status == 0)
        #expect(clean.errors.isEmpty)
    }

    @Test func checkTellsEveryErrorAndEveryWarning() throws {
        let wrong = """
            - macro: unused
              condition: evt.type = mount
            - rule: A
              desc: d
              condition: evt.type = mount and proc.nam = y
              output: '%fd.nam'
              priority: INFO
            - rule: B
              desc: d
              condition: evt.type = sendfile and proc.sid = 12345
              output: o
              priority: INFO

            """
        for arguments in [["check", "rules.yaml"], ["check", "--strict", "rules.yaml"]] {
            let run = try run(arguments, rules: wrong)
            #expect(run.status == 78)
            #expect(
                run.errors.contains(
                    "rules.yaml:5:35: error: expected a field, found `proc.nam`, which is not known; did you mean `proc.name`?"
                ))
            #expect(run.errors.contains("rules.yaml:6:13: error: "))
            #expect(run.errors.contains("rules.yaml:10:38: warning: no source here tells `proc.sid`"))
        }
        let absent = try run(["check", "absent.yaml"])
        #expect(absent.status == 78)
        #expect(absent.errors.contains("absent.yaml: error: cannot be read: "))
        #expect(try run(["check", "rules.yaml", "--config", "x"]).status == 64)
    }

    // MARK: list

    @Test func listIsATable() throws {
        let run = try run(["list", "rules.yaml"])
        #expect(run.status == 0)
        let lines = run.output.split(separator: "\n").map(String.init)
        #expect(lines.count == 6)
        #expect(lines.first?.split(separator: " ").first == "RULE")
        #expect(
            lines.dropFirst().first?.contains(
                /^Mounted +rules.yaml:1 +Critical +yes +mount +audit [0-9]+ \(call, node\) +T1611 mitre_privilege_escalation/
            )
                == true)
        #expect(lines[2].contains(/cgroup_leave +nothing +T1611/))
        #expect(lines[3].contains(/none +nothing, and nothing is told/))
        #expect(lines[4].contains(/no +mknod,mknodat +audit/))
        // What is switched off costs nothing: the mounts and the canary's node are left.
        #expect(lines[5].hasPrefix("3 of 4 rules enabled; together they cost: audit "))
    }

    @Test func listIsJSON() throws {
        let rules = try objects(try run(["list", "--output", "json", "rules.yaml"]))
        #expect(rules.map { $0["name"] as? String } == ["Mounted", "Left", "Sent", "Off"])
        #expect(rules.map { $0["line"] as? Int } == [1, 7, 13, 19])
        #expect(rules.map { $0["enabled"] as? Bool } == [true, true, true, false])
        #expect(rules.map { $0["sources"] as? [String] } == [["audit"], ["inventory"], [], ["audit"]])
        #expect(rules.map { $0["coverage"] as? String } == ["live", "live", "impossible", "approximate"])
        let audit = rules.map { $0["audit_rules"] as? [String] ?? [] }
        #expect(audit[0].contains { $0.hasPrefix("-a always,exit -F arch=b64 -S mount -F a3") })
        #expect(audit[1].isEmpty && audit[2].isEmpty)
        #expect(audit[3].allSatisfy { $0.hasSuffix(" -k nodeagent-node") })
        let reasons = rules.map { $0["coverage_reasons"] as? [String] ?? [] }
        #expect(reasons[2].first == "no source here tells of `sendfile`")
        #expect(reasons[3].first?.hasPrefix("its output lacks `proc.sname`: ") == true)
    }

    /// layers/spec/v4.5/layerformat.md of mitre-attack/attack-navigator.
    @Test func listIsANavigatorLayer() throws {
        let run = try run(["list", "--output", "navigator", "rules.yaml"])
        #expect(run.status == 0)
        let layer = try #require(try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
        #expect(layer["name"] as? String == "nodeagent")
        #expect(layer["domain"] as? String == "enterprise-attack")
        let versions = try #require(layer["versions"] as? [String: String])
        #expect(versions == ["layer": "4.5", "navigator": "4.9.0"])
        let techniques = try #require(layer["techniques"] as? [[String: Any]])
        // What is off or impossible does not count, and a tactic is no technique.
        #expect(techniques.map { $0["techniqueID"] as? String } == ["T1059.004", "T1611"])
        #expect(techniques.map { $0["score"] as? Int } == [1, 2])
        #expect(techniques.last?["comment"] as? String == "Mounted; Left")
        let gradient = try #require(layer["gradient"] as? [String: Any])
        #expect(gradient["minValue"] as? Int == 0 && gradient["maxValue"] as? Int == 2)
        #expect((gradient["colors"] as? [String])?.count == 2)
    }

    @Test func listTakesTheConfiguration() throws {
        let program = try AgentProgram()
        try program.write(Self.mounts, to: "rules.yaml")
        try program.write(
            "version: 1\nrules_files: [rules.yaml]\nrules: [disable: {rule: \"*\"}, enable: {tag: T1543}]\n",
            to: "nodeagent.yaml")
        let rules = try objects(
            try program.run(["rules", "list", "--output", "json", "--config", "nodeagent.yaml"]))
        #expect(rules.map { $0["enabled"] as? Bool } == [false, false, false, true])
        let absent = try program.run(["rules", "list"])
        #expect([0, 78].contains(absent.status))
    }

    // MARK: coverage

    private static func upstream(_ name: String) -> URL {
        let data =
            ProcessInfo.processInfo.environment["NODEAGENT_TEST_DATA"].map { URL(fileURLWithPath: $0) }
            ?? AgentProgram.packageRoot.deletingLastPathComponent().appendingPathComponent("shared/data")
        return data.appendingPathComponent("falco-rules").appendingPathComponent(name)
    }

    private static let upstreamFiles = ["falco_rules.yaml", "falco-incubating_rules.yaml"].map(upstream)

    @Test(
        .enabled("the shared test data is not here") {
            Self.upstreamFiles.allSatisfy { FileManager.default.isReadableFile(atPath: $0.path) }
        })
    func pageOfFalcosRulesIsWhatTheProgramPrints() throws {
        let program = try AgentProgram()
        for file in Self.upstreamFiles {
            try program.write(try String(contentsOf: file, encoding: .utf8), to: file.lastPathComponent)
        }
        let run = try program.run(["rules", "coverage"] + Self.upstreamFiles.map(\.lastPathComponent))
        #expect(run.status == 0)
        #expect(run.output.hasPrefix("56 rules: "))
        let page = try String(
            contentsOf: AgentProgram.packageRoot.appendingPathComponent("docs/falco-rules.md"), encoding: .utf8)
        let table = try #require(page.components(separatedBy: "<!-- nodeagent rules coverage -->\n").last)
        #expect(table == run.output, "`nodeagent rules coverage` prints the end of docs/falco-rules.md")
    }
}

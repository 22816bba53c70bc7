import Foundation
import Testing

/// What `nodeagent posture` says of its own arguments and of the allowlist; what it finds is tested live and in
/// `PostureTests`.
@Suite struct PostureCommandTests {
    private static let entry = """
        version: 1
        allow:
          - image: registry.example/team/node-exporter
            digest: sha256:\(String(repeating: "0a", count: 32))
            namespace: monitoring
            checks: [host-pid, sensitive-mounts-read-only]
            reason: reads the host's metrics
            owner: sre
            expires: 2099-06-30

        """

    private func run(_ allowlist: String, _ arguments: [String] = []) throws -> AgentRun {
        let program = try AgentProgram()
        let file = program.directory.appendingPathComponent("allowlist.yaml")
        try Data(allowlist.utf8).write(to: file)
        return try program.run(["posture", "--allowlist", file.path] + arguments, as: .own)
    }

    @Test(.enabled(if: AgentProgram.isRoot, "/proc and the runtimes' files are root's"))
    func takesAnAllowlist() throws {
        let run = try run(Self.entry, ["--output", "json"])
        #expect(run.status == 0, "\(run.errors)")
        let document = try #require(
            try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
        #expect(
            Set(document.keys) == ["version", "host", "time", "score", "summary", "containers", "findings"])
        let findings = try #require(document["findings"] as? [[String: Any]])
        #expect(
            findings.contains { $0["check"] as? String == "allowlist-expired" && $0["status"] as? String == "PASS" })
    }

    @Test(.enabled(if: AgentProgram.isRoot, "/proc and the runtimes' files are root's"))
    func failsFromTheSeverityThatWasAskedFor() throws {
        // An expired entry is a finding of medium severity, on any host.
        let expired = Self.entry.replacingOccurrences(of: "2099-06-30", with: "2020-06-30")
        #expect(try run(expired).status == 0)
        let run = try run(expired, ["--fail-on", "medium", "--output", "sarif"])
        #expect(run.status == 5)
        let log = try #require(try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
        #expect(log["version"] as? String == "2.1.0")
        let first = try #require((log["runs"] as? [[String: Any]])?.first)
        let driver = try #require((first["tool"] as? [String: Any])?["driver"] as? [String: Any])
        let rules = try #require((driver["rules"] as? [[String: Any]])?.compactMap { $0["id"] as? String })
        let results = try #require(first["results"] as? [[String: Any]])
        #expect(results.contains { $0["ruleId"] as? String == "allowlist-expired" })
        for result in results {
            let index = try #require(result["ruleIndex"] as? Int)
            #expect(rules[index] == result["ruleId"] as? String)
            #expect(["error", "warning", "note"].contains(result["level"] as? String))
        }
    }

    @Test(
        .enabled(if: AgentProgram.isRoot, "/proc and the runtimes' files are root's"),
        arguments: [
            ("            reason: reads the host's metrics\n", "", 3, "'reason' is missing or empty"),
            ("reads the host's metrics", "' '", 3, "'reason' is missing or empty"),
            ("image: registry.example/team/node-exporter", "image: a/b:1", 3, "without tag and digest"),
            ("sha256:", "sha512:", 4, "expected sha256: and 64"),
            ("host-pid", "host-pids", 6, "there is no check 'host-pids'"),
            ("[host-pid, sensitive-mounts-read-only]", "[]", 6, "without the key all are meant"),
            ("2099-06-30", "2099-13-30", 9, "expected a day"), ("2099-06-30", "tomorrow", 9, "expected a day"),
            ("owner:", "owners:", 8, "unknown key 'owners'"), ("version: 1", "version: 2", 1, "expected 1"),
        ])
    func refusesAnAllowlist(old: String, new: String, line: Int, message: String) throws {
        let text = Self.entry
        let indented = text.contains(old) ? old : old.replacingOccurrences(of: "            reason", with: "    reason")
        #expect(text.contains(indented))
        let run = try run(text.replacingOccurrences(of: indented, with: new))
        #expect(run.status == 78)
        #expect(run.output.isEmpty)
        #expect(run.errors.contains("allowlist.yaml:\(line):"), "\(run.errors)")
        #expect(run.errors.contains(message), "\(run.errors)")
    }

    @Test func needsRoot() throws {
        let program = try AgentProgram()
        let run = try program.run(["posture"], as: .nobody)
        #expect(run.status == 77)
        #expect(run.errors == "nodeagent: posture needs root: it reads /proc and the runtimes' own files\n")
        let list = try program.run(["posture", "--list-checks"], as: .nobody)
        #expect(list.status == 0)
        #expect(list.output.contains("runtime-socket"))
        #expect(list.output.contains("[T1610, CIS Docker 5.31]"))
        let wrong = try program.run(["posture", "--fail-on", "awful"], as: .nobody)
        #expect(wrong.status == 64)
    }
}

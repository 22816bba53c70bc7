import Foundation
import Testing

/// `replay`, and `rules test`, which replays as well.
@Suite struct ReplayCommandTests {
    private static let recordings = AgentProgram.packageRoot.appendingPathComponent("Tests/Replay")
    private static let rules = AgentProgram.packageRoot.appendingPathComponent("config/rules/escape.yaml").path

    private static let mountRule = """
        - rule: Mounted
          desc: a file system is mounted
          condition: evt.type = mount
          output: "%proc.name %proc.cmdline %proc.pname %proc.ppid %fd.name"
          priority: NOTICE

        """

    /// A mount by the process `pid`, as auditd writes it.
    private func mount(_ serial: Int, pid: Int, at time: String = "1700000000.123", node: String = "") -> String {
        let stamp = "msg=audit(\(time):\(serial)): "
        return """
            \(node)type=SYSCALL \(stamp)arch=c000003e syscall=165 success=yes exit=0 a0=1 a1=2 a2=3 a3=0 items=2 ppid=70 \
            pid=\(pid) auid=0 uid=0 gid=0 euid=0 comm="mount" exe="/usr/bin/mount" key=(null)
            \(node)type=CWD \(stamp)cwd="/"
            \(node)type=PATH \(stamp)item=0 name="/mnt" inode=5 dev=08:01 mode=040755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL
            \(node)type=PATH \(stamp)item=1 name="/dev/sdb1" inode=3 dev=00:06 mode=060660 ouid=0 ogid=6 rdev=08:11 nametype=NORMAL
            \(node)type=PROCTITLE \(stamp)proctitle=6D6F756E74002F6465762F73646231002F6D6E74
            \(node)type=EOE \(stamp)

            """
    }

    private func replay(
        _ log: String, rules: String = mountRule, _ options: [String] = ["--output", "json"]
    ) throws -> AgentRun {
        let program = try AgentProgram()
        try program.write(log, to: "audit.log")
        try program.write(rules, to: "rules.yaml")
        return try program.run(["replay", "audit.log", "--rules", "rules.yaml"] + options)
    }

    private func objects(_ text: String) throws -> [[String: Any]] {
        try text.split(separator: "\n").map {
            try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
    }

    private func fields(_ alert: [String: Any]) throws -> [String: Any] {
        try #require(alert["output_fields"] as? [String: Any])
    }

    @Test func tellsWhatTheLogHas() throws {
        let shell = "msg=audit(1700000000.100:1): "
        let log = """
            type=SYSCALL \(shell)arch=c000003e syscall=59 success=yes exit=0 a0=1 a1=2 a2=3 a3=4 items=1 ppid=1 pid=70 auid=0 uid=0 gid=0 euid=0 comm="sh" exe="/usr/bin/dash" key=(null)
            type=EXECVE \(shell)argc=2 a0="sh" a1=2D63
            type=CWD \(shell)cwd="/"
            type=PATH \(shell)item=0 name="/bin/sh" inode=9 dev=08:01 mode=0100755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL
            type=EOE \(shell)

            """
        let run = try replay(log + mount(2, pid: 71))
        #expect(run.status == 0 && run.errors.isEmpty)
        let alert = try #require(try objects(run.output).first)
        #expect(alert["time"] as? String == "2023-11-14T22:13:20.123000000Z")
        let output = try #require(alert["output"] as? String)
        #expect(output.contains("Notice mount mount /dev/sdb1 /mnt sh 70 /dev/sdb1 "))
        #expect(output.hasSuffix(" attribution=unknown"))
        let fields = try fields(alert)
        #expect(fields["proc.pid"] as? Int == 71 && fields["container.id"] is NSNull)
    }

    @Test func parsesEveryFormOfALine() throws {
        let enriched = mount(2, pid: 71, node: "node=a.example ").replacing(
            " key=(null)\n", with: " key=(null)\u{1D}ARCH=x86_64 SYSCALL=mount AUID=\"root\" pid=99 comm=\"forged\"\n")
        let numbers = mount(3, pid: 72, at: "1700000005.123").replacing("type=SYSCALL", with: "type=1300").replacing(
            "type=CWD", with: "type=UNKNOWN[1307]")
        let run = try replay(enriched + numbers)
        #expect(run.errors.isEmpty)
        let alerts = try objects(run.output)
        #expect(alerts.count == 2)
        let first = try #require(alerts.first { $0["hostname"] as? String == "a.example" })
        #expect(try fields(first)["proc.pid"] as? Int == 71 && fields(first)["proc.name"] as? String == "mount")
    }

    @Test func keepsHostsApart() throws {
        // The same serial and pid on two hosts, record by record.
        let one = mount(2, pid: 71, node: "node=a ").split(separator: "\n")
        let two = mount(2, pid: 71, node: "node=b ").split(separator: "\n")
        let mixed = zip(one, two).map { "\($0)\n\($1)\n" }.joined()
        let hosts = try objects(replay(mixed).output).compactMap { $0["hostname"] as? String }
        #expect(hosts.sorted() == ["a", "b"])
    }

    @Test func countsRepeatsIntoOne() throws {
        var log = ""
        for number in 0..<5 { log += mount(number + 1, pid: 70 + number, at: "1700000000.\(100 + number)") }
        let alerts = try objects(replay(log).output)
        #expect(alerts.count == 2)
        #expect(try fields(alerts[0])["alert.repeats"] == nil)
        #expect(try fields(alerts[1])["alert.repeats"] as? Int == 4)
        #expect(alerts[1]["time"] as? String == "2023-11-14T22:13:20.104000000Z")
        let text = try replay(log, []).output.split(separator: "\n")
        #expect(text.count == 2 && text[1].hasSuffix(" repeats=4"))
    }

    @Test func countsLinesThatAreNone() throws {
        let program = try AgentProgram()
        var bytes = Array("what\ntype=NOPE msg=audit(1.000:1): x=1\n\n{\"source\":\"audit\"}\n".utf8)
        bytes += Array("type=SYSCALL msg=audit(99999999999999999999.000:1): x\n".utf8)
        bytes += [0xFF, 0, 0x1D, 0x7B, 0x0A] + Array(repeating: UInt8(ascii: "x"), count: 1 << 21) + [0x0A]
        bytes += Array(mount(2, pid: 71).utf8)
        try program.write(bytes, to: "audit.log")
        try program.write(Self.mountRule, to: "rules.yaml")
        let run = try program.run(["replay", "audit.log", "--rules", "rules.yaml"])
        #expect(run.status == 0)
        #expect(run.output.split(separator: "\n").count == 1)
        #expect(run.errors == "nodeagent: 6 line(s) left out that are no record, the first is audit.log:1\n")
    }

    @Test func survivesRandomBytes() throws {
        var generator = SystemRandomNumberGenerator()
        let program = try AgentProgram()
        let log = Array(mount(2, pid: 71, node: "node=a ").utf8)
        var bytes: [UInt8] = []
        for _ in 0..<200 {
            var mutated = log
            for _ in 0..<8 {
                mutated[Int.random(in: mutated.indices, using: &generator)] = .random(in: 0...255, using: &generator)
            }
            bytes += mutated
        }
        try program.write(bytes, to: "audit.log")
        for options in [["--events"], ["--rules", Self.rules]] {
            #expect(try program.run(["replay", "audit.log"] + options, as: .own).status == 0)
        }
    }

    @Test func printsEventsThatCanBeReplayed() throws {
        let events = try replay(mount(2, pid: 71), rules: "", ["--events"])
        #expect(events.status == 0)
        let event = try #require(try objects(events.output).first)
        #expect(event["type"] as? String == "mount" && event["source"] as? String == "audit")
        #expect(event["serial"] as? Int == 2 && event["time"] as? Int == 1_700_000_000_123_000_000)
        #expect((event["process"] as? [String: Any])?["pid"] as? Int == 71)
        #expect((event["object"] as? [String: Any])?["node"] as? String == "8:17")
        #expect((event["user"] as? [String: Any])?["uid"] as? Int == 0)
        #expect((event["arguments"] as? [Int]) == [1, 2, 3, 0])
        #expect((event["records"] as? [String])?.first?.hasPrefix("type=SYSCALL msg=audit(") == true)
        let again = try replay(events.output, rules: "", ["--events"])
        #expect(again.output == events.output)
        #expect(try replay(events.output).output == replay(mount(2, pid: 71)).output)
    }

    /// A recording is judged as it was: written again it is the same, byte for byte.
    @Test(arguments: ["block-device", "block-device-near", "environ", "privileged", "cgroup-leave"])
    func keepsAllOfARecording(_ name: String) throws {
        let file = Self.recordings.appendingPathComponent(name + ".jsonl")
        let text = try String(contentsOf: file, encoding: .utf8)
        let run = try AgentProgram().run(["replay", file.path, "--events"], as: .own)
        #expect(run.status == 0 && run.errors.isEmpty)
        let (before, after) = (try objects(text), try objects(run.output))
        #expect(before.count == after.count)
        for (one, other) in zip(before, after) { #expect(NSDictionary(dictionary: one).isEqual(to: other)) }
    }

    @Test func wantsRulesOrEvents() throws {
        #expect(try AgentProgram().run(["replay", "x.log"]).status == 64)
        let run = try replay("", rules: "- rule: A\n  condition: evt.typ = x\n", [])
        #expect(run.status == 78)
        let absent = try AgentProgram().run(["replay", "x.log", "--events"])
        #expect(absent.status == 1 && absent.errors.contains("x.log"))
    }

    // MARK: rules test

    @Test func shippedRulesTellWhatTheirRecordingsHave() throws {
        let file = Self.recordings.appendingPathComponent("escape.yaml").path
        let run = try AgentProgram().run(["rules", "test", file], as: .own)
        #expect(run.status == 0, "\(run.output)\(run.errors)")
        #expect(run.output.hasSuffix("6 passed, 0 failed\n"))
    }

    private func test(_ cases: String) throws -> AgentRun {
        let program = try AgentProgram()
        try program.write(mount(2, pid: 71), to: "audit.log")
        try program.write(Self.mountRule, to: "rules.yaml")
        try program.write("version: 1\nrules: [rules.yaml]\ncases:\n" + cases, to: "test.yaml")
        return try program.run(["rules", "test", "test.yaml"])
    }

    @Test func failsWhereOthersCome() throws {
        let run = try test(
            """
              - {name: right, logs: [audit.log], alerts: [{rule: Mounted, fields: {proc.pid: 71, container.id: null}}]}
              - {name: another field, logs: [audit.log], alerts: [{rule: Mounted, priority: Notice, fields: {proc.pid: 72}}]}
              - {name: none expected, logs: [audit.log], alerts: []}
              - {name: not twice, logs: [audit.log], alerts: [{rule: Mounted}, {rule: Mounted}]}

            """)
        #expect(run.status == 5)
        #expect(
            run.output.hasPrefix(
                "pass test.yaml: right\nFAIL test.yaml: another field\n     expected: Mounted priority=Notice proc.pid=72\n"
                    + "     came:     Mounted | 22:13:20.123000000: Notice mount "))
        #expect(run.output.contains("FAIL test.yaml: not twice\n     expected: Mounted\n"))
        #expect(run.output.hasSuffix("1 passed, 3 failed\n"))
    }

    @Test(arguments: [
        ("  - {name: a, logs: [audit.log]}\n", "test.yaml:4:5: error: expected 'alerts'"),
        ("  - {name: a, logs: [audit.log], alerts: [], log: x}\n", "did you mean 'logs'?"),
        ("  - {name: a, logs: [audit.log], alerts: [{rule: Other}]}\n", "there is no rule 'Other'"),
    ])
    func saysWhatIsWrongWithATestFile(_ cases: String, _ message: String) throws {
        let run = try test(cases)
        #expect(run.status == 78)
        #expect(run.errors.contains(message), "\(run.errors)")
    }

    // MARK: record

    @Test func recordsNothingWithoutAnAgent() throws {
        #expect(try AgentProgram().run(["record", "out.jsonl"]).status == 77)
        guard AgentProgram.isRoot else { return }
        let program = try AgentProgram()
        let run = try program.run(["record", "out.jsonl", "--runtime-directory", "run"], as: .own)
        #expect(run.status == 1 && run.errors.contains("no agent listens"))
        #expect(!FileManager.default.fileExists(atPath: program.directory.appendingPathComponent("out.jsonl").path))
    }
}

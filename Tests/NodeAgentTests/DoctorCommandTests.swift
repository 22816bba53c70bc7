import Foundation
import Glibc
import LinuxSystem
import Testing

/// What `nodeagent doctor` says of its arguments, and the shape of what it prints. What it finds is tested live
/// (Tests/Kernel/agent/doctor.py).
@Suite struct DoctorCommandTests {
    /// Only the configuration of this test decides: no source is looked at.
    private static let quiet = """
        version: 1
        rules_files: [rules.yaml]
        audit: {enabled: false}
        fanotify: {enabled: false}
        metrics: {enabled: false}

        """
    private static let id = String(repeating: "0123456789abcdef", count: 4)

    private func checks(_ run: AgentRun) throws -> [String: [String: Any]] {
        let array = try #require(
            try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [[String: Any]], "\(run.errors)")
        for check in array { #expect(Set(check.keys) == ["id", "state", "finding", "remedy"]) }
        let ids = array.compactMap { $0["id"] as? String }
        #expect(Set(ids).count == ids.count, "\(ids)")
        return Dictionary(uniqueKeysWithValues: zip(ids, array))
    }

    private func run(_ program: borrowing AgentProgram, _ arguments: [String] = []) throws -> AgentRun {
        try program.run(
            ["doctor", "--config", "nodeagent.yaml", "--runtime-directory", program.directory.path] + arguments,
            as: .own)
    }

    @Test func needsRoot() throws {
        let run = try AgentProgram().run(["doctor"], as: .nobody)
        #expect(run.status == 77)
        #expect(run.output.isEmpty)
        #expect(
            run.errors == "nodeagent: doctor needs root: it asks the kernel's audit and reads other processes\n")
    }

    @Test(arguments: [["--output", "sarif"], ["--bogus"], ["extra"], ["--config"]])
    func refusesAWrongCommandLine(_ arguments: [String]) throws {
        let run = try AgentProgram().run(["doctor"] + arguments)
        #expect(run.status == 64)
        #expect(run.output.isEmpty)
    }

    @Test(.enabled(if: AgentProgram.isRoot, "only root may look at the host"))
    func tellsEveryCheckOnce() throws {
        let program = try AgentProgram()
        try program.write(Self.quiet, to: "nodeagent.yaml")
        try program.write("", to: "rules.yaml")
        let run = try run(program, ["--output", "json"])
        #expect(run.status == 5, "no rule is enabled: \(run.errors)")
        let checks = try checks(run)
        for (id, check) in checks {
            #expect(id.wholeMatch(of: /[a-z0-9]+(-[a-z0-9]+)*/) != nil, "\(id)")
            let state = try #require(check["state"] as? String)
            #expect(["PASS", "WARN", "FAIL", "INFO"].contains(state))
            #expect((check["remedy"] is NSNull) == ["PASS", "INFO"].contains(state), "\(id)")
            let finding = try #require(check["finding"] as? String)
            #expect(!finding.isEmpty && !finding.contains("\n"), "\(id): \(finding)")
        }
        #expect(checks["agent"]?["state"] as? String == "INFO")
        // Another one may run on this machine, with another directory.
        let agent = try #require(checks["agent"]?["finding"] as? String)
        #expect(agent == "no agent runs" || agent.hasPrefix("none answers at "))
        #expect(checks["configuration"]?["state"] as? String == "PASS")
        #expect(checks["rules"]?["state"] as? String == "WARN")
        for source in ["audit", "fanotify", "metrics"] { #expect(checks[source]?["state"] as? String == "INFO") }
        for id in ["kernel", "namespaces", "right-sys-admin", "agent-lock", "connector", "cgroups", "containers"] {
            #expect(checks[id] != nil, "\(id)")
        }
        #expect(checks["losses"] == nil && checks["containers-marked"] == nil, "they are an agent's")
    }

    @Test(.enabled(if: AgentProgram.isRoot, "only root may look at the host"))
    func tellsWhereTheConfigurationIsWrong() throws {
        let program = try AgentProgram()
        try program.write("version: 1\nrules_files: [rules.yaml]\naudits: {}\n", to: "nodeagent.yaml")
        var found = try checks(run(program, ["--output", "json"]))
        #expect(found["configuration"]?["state"] as? String == "FAIL")
        #expect((found["configuration"]?["finding"] as? String)?.contains("nodeagent.yaml:3:1: error:") == true)
        #expect(found["rules"] == nil)
        try program.write(Self.quiet, to: "nodeagent.yaml")
        try program.write("- macro: broken\n", to: "rules.yaml")
        found = try checks(run(program, ["--output", "json"]))
        #expect(found["rules"]?["state"] as? String == "FAIL")
        #expect((found["rules"]?["finding"] as? String)?.contains("rules.yaml:1:") == true)
    }

    /// An agent of another version that has lost records and knows a container by a name that would clear the screen.
    @Test(
        .enabled(if: AgentProgram.isRoot, "only root may look at the host"), arguments: ["json", "table"])
    func asksTheRunningAgent(_ output: String) throws {
        let program = try AgentProgram()
        try program.write(Self.quiet, to: "nodeagent.yaml")
        try program.write("", to: "rules.yaml")
        let status = """
            {"version":1,"agent":{"version":"9.9.9","pid":\(getpid()),"response":"off","uptime":10},\
            "status":{"audit_records":20,"audit_socket_drops":7}}
            """
        let containers = """
            {"version":1,"containers":[{"id":"\(Self.id)","name":"a\\u001b[2Jb\\nc","runtime":"podman"}]}
            """
        let socket = try ControlSocket(in: program.directory)
        let thread = try NamedThread("control") {
            for answer in [status, containers, status] { _ = socket.answer(answer) }
        }
        let run = try run(program, ["--output", output])
        thread.join()
        #expect(run.status == 5, "\(run.errors)")
        guard output == "json" else {
            #expect(run.output.contains("not described: a\\u001b[2Jb\\nc"), "\(run.output)")
            #expect(!run.output.contains("\u{1b}"))
            #expect(run.output.firstMatch(of: /\n\n\d+ passed, \d+ warnings, \d+ failures\n$/) != nil)
            return
        }
        let checks = try checks(run)
        #expect((checks["agent"]?["finding"] as? String)?.contains("nodeagent 9.9.9, pid \(getpid())") == true)
        #expect(checks["agent"]?["state"] as? String == "WARN")
        #expect(checks["losses"]?["state"] as? String == "WARN")
        #expect((checks["losses"]?["finding"] as? String)?.contains("7 audit records") == true)
        #expect((checks["containers"]?["finding"] as? String)?.contains("not described: a\u{1b}[2Jb\nc") == true)
    }
}

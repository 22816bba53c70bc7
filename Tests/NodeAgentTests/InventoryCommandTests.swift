import Foundation
import Glibc
import LinuxSystem
import Synchronization
import Testing

@Suite struct InventoryCommandTests {
    private static let keys: Set<String> = [
        "id", "name", "image", "runtime", "pid", "privileged", "pod", "namespace", "parent",
        "sandbox", "image_digest", "verdict", "reasons", "pod_security", "processes", "cgroup", "cgroup_id",
        "pid_namespace",
    ]
    private static let id = String(repeating: "0123456789abcdef", count: 4)
    private static let response = """
        {"version":1,"containers":[\
        {"id":"\(id)","name":"web","image":"docker.io/library/nginx:1","runtime":"docker","pid":4711,"privileged":true,\
        "pod":"shop","namespace":"prod","parent":"outer","cgroup_id":77,"pid_namespace":88,\
        "sandbox":false,"image_digest":"sha256:1",\
        "verdict":"privileged","reasons":["docker hostconfig Privileged=true"],"pod_security":"privileged",\
        "processes":[{"pid":9,"comm":"sh","verdict":"privileged","reasons":["r"]}]},\
        {"id":"raw","name":null,"image":null,"runtime":"runc","pid":null,"privileged":null,"pod":null,"namespace":null},\
        {"id":"x","name":"a\\u001b[2Jb\\nc","image":"i","runtime":"podman","pid":1,"privileged":false,"pod":null,\
        "namespace":null,"verdict":"privileged-in-userns"}]}
        """

    private final class Request: Sendable {
        let text = Mutex<String?>(nil)
    }

    /// Asks a socket that answers so.
    private func run(_ response: String, _ arguments: [String]) throws -> (run: AgentRun, request: String?) {
        let program = try AgentProgram()
        let socket = try ControlSocket(in: program.directory)
        let directory = program.directory.path
        // The answer has to come from another thread: the program is waited for here.
        let request = Request()
        let thread = try NamedThread("control") { request.text.withLock { $0 = socket.answer(response) } }
        let run = try program.run(["inventory", "--runtime-directory", directory] + arguments, as: .own)
        thread.join()
        return (run, request.text.withLock { $0 })
    }

    @Test func asksTheRunningAgent() throws {
        let (run, request) = try run(Self.response, ["--output", "json"])
        #expect(run.status == 0, "\(run.errors)")
        let asked = try #require(
            try JSONSerialization.jsonObject(with: Data((request ?? "").utf8)) as? [String: Any])
        #expect(asked["command"] as? String == "inventory")
        #expect(asked["version"] as? Int == 1)
        let containers = try #require(
            try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [[String: Any]])
        #expect(containers.count == 3)
        for container in containers { #expect(Set(container.keys) == Self.keys) }
        #expect(containers.first?["privileged"] as? Bool == true)
        #expect(containers[1]["pid"] is NSNull && containers[1]["privileged"] is NSNull)
        #expect(containers[2]["name"] as? String == "a\u{1b}[2Jb\nc")
    }

    @Test func printsATableThatNoNameBreaks() throws {
        let (run, _) = try run(Self.response, [])
        #expect(run.status == 0, "\(run.errors)")
        #expect(
            run.output == """
                CONTAINER ID   NAME       IMAGE                       RUNTIME   PID    VERDICT                POD    NAMESPACE
                0123456789ab   web        docker.io/library/nginx:1   docker    4711   privileged             shop   prod
                raw            -          -                           runc      -      unknown                -      -
                x              a?[2Jb?c   i                           podman    1      privileged-in-userns   -      -

                """)
    }

    @Test(arguments: [
        (["--cgroup-id", "77"], ["web"]), (["--pid-namespace", "88"], ["web"]), (["--cgroup-id", "78"], []),
        (["--cgroup-id", "77", "--pid-namespace", "89"], []),
    ])
    func choosesByWhatTheKernelSays(arguments: [String], names: [String]) throws {
        let (run, _) = try run(Self.response, ["--output", "json"] + arguments)
        let containers = try #require(
            try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [[String: Any]])
        #expect(containers.compactMap { $0["name"] as? String } == names)
    }

    @Test(.enabled(if: AgentProgram.isRoot, "/proc and the runtimes' files are root's"))
    func tellsThatAProcessIsInNoContainer() throws {
        let (run, _) = try run(Self.response, ["--pid", "\(getpid())"])
        #expect(run.status == 1)
        #expect(run.errors == "nodeagent: process \(getpid()) is in no container, or is gone\n")
    }

    @Test func tellsWhatTheAgentSays() throws {
        let (run, _) = try run("{\"version\":1,\"error\":\"version 1 is not served\"}", [])
        #expect(run.status == 1)
        #expect(run.output.isEmpty)
        #expect(run.errors == "nodeagent: the agent did not answer: version 1 is not served\n")
    }

    @Test(.enabled(if: AgentProgram.isRoot, "/proc and the runtimes' files are root's"))
    func readsTheHostItselfWithoutAnAgent() throws {
        let program = try AgentProgram()
        let run = try program.run(
            ["inventory", "--output", "json", "--runtime-directory", program.directory.path], as: .own)
        #expect(run.status == 0, "\(run.errors)")
        let containers = try #require(
            try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [[String: Any]])
        for container in containers { #expect(Set(container.keys) == Self.keys) }
    }

    @Test(.enabled(if: AgentProgram.isRoot, "/proc and the runtimes' files are root's"))
    func headsTheTableAlsoWhereItIsEmpty() throws {
        let program = try AgentProgram()
        let run = try program.run(["inventory", "--runtime-directory", program.directory.path], as: .own)
        #expect(run.status == 0, "\(run.errors)")
        let header = run.output.components(separatedBy: "\n")[0].components(separatedBy: "  ")
        #expect(
            header.map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
                == ["CONTAINER ID", "NAME", "IMAGE", "RUNTIME", "PID", "VERDICT", "POD", "NAMESPACE"])
    }
}

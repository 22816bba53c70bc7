import Foundation
import Testing

/// The lists of system calls, as people read them and as the program has them.
@Suite struct ConfinementTests {
    private static let begin = "<!-- nodeagent confinement -->\n"

    @Test func pageIsWhatTheProgramPrints() throws {
        let run = try AgentProgram().run(["confinement"])
        #expect(run.status == 0)
        let page = try String(
            contentsOf: AgentProgram.packageRoot.appendingPathComponent("docs/confinement.md"), encoding: .utf8)
        let tables = try #require(page.components(separatedBy: Self.begin).last)
        #expect(tables == run.output, "`nodeagent confinement` prints the end of docs/confinement.md")
    }

    /// What starts programs, loads code or opens a network is nowhere allowed but where it is meant.
    @Test func listsAreNarrow() throws {
        let output = try AgentProgram().run(["confinement"]).output
        let sections = output.components(separatedBy: "### ").dropFirst()
        func section(_ name: String) throws -> String { try #require(sections.first { $0.contains(name) }) }
        for call in [
            "execve", "execveat", "ptrace", "mount", "umount2", "setuid", "unshare", "fanotify_init",
            "open_by_handle_at", "process_vm_readv", "seccomp", "capset",
        ] {
            for name in ["Every process", "nodeagent run", "nodeagent deliver", "nodeagent collect"] {
                #expect(
                    !(try section(name)).split { " |\n".contains($0) }.contains(Substring(call)), "\(call) in \(name)")
            }
        }
        // Its sockets are open before its filter is set.
        #expect(!(try section("nodeagent run")).contains("socket ("))
        #expect(try section("nodeagent deliver").contains("AF_INET6"))
        #expect(try section("ends the process").contains("bpf"))
    }

    @Test func refusesAnUnknownMode() throws {
        let run = try AgentProgram().run(
            configuration: "version: 1\nrules_files: [rules.yaml]\nconfinement: {mode: loose}\n")
        #expect(run.status == 78)
        #expect(run.errors.contains("enforce"), "\(run.errors)")
    }
}

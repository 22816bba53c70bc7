import Foundation
import Glibc
import Testing

/// `collect` and `verify` as a person or a script meets them.
@Suite(.serialized) struct EvidenceCommandTests {
    @Test(arguments: [
        ["collect"], ["collect", "--host", "--pid", "1"], ["collect", "--container", "a", "--host"],
        ["collect", "--host", "--no-host"], ["collect", "--pid", "0"], ["collect", "--pid", "-4"],
        ["collect", "--host", "--max-size", "0"], ["collect", "--host", "--deadline", "0"],
        ["collect", "--host", "--deadline", "18446744073709551615"],
        ["collect", "--host", "--min-free", "18446744073709551615"], ["verify"], ["verify", "a", "b"],
    ])
    func refusesAWrongCommandLine(_ arguments: [String]) throws {
        let run = try AgentProgram().run(arguments)
        #expect(run.status == 64)
        #expect(run.output.isEmpty)
        #expect(run.errors.hasPrefix("Error: "))
    }

    @Test func needsRoot() throws {
        let run = try AgentProgram().run(["collect", "--host"])
        #expect(run.status == 77)
        #expect(run.errors.hasPrefix("nodeagent: collect needs root"))
    }

    @Test(.enabled(if: AgentProgram.isRoot)) func collectsAndVerifies() throws {
        let program = try AgentProgram()
        let file = program.directory.appendingPathComponent("evidence.tar.zst").path
        let collected = try program.run(["collect", "--host", "--output", file, "--max-size", "64"], as: .own)
        #expect([0, 2].contains(collected.status), "\(collected.errors)")
        #expect(collected.output == file + "\n")
        #expect(collected.errors.contains("artifacts") && !collected.errors.contains("\r"))
        let attributes = try FileManager.default.attributesOfItem(atPath: file)
        #expect((attributes[.posixPermissions] as? Int) == 0o600)

        let verified = try program.run(["verify", file])
        #expect(verified.status == 1, "0600 is not for everybody")
        let sound = try program.run(["verify", file], as: .own)
        #expect(sound.status == 0, "\(sound.output)")
        #expect(sound.output.hasSuffix("intact\n"))

        // A second time at the same place: refused, and the first is as it was.
        let before = try Data(contentsOf: URL(fileURLWithPath: file))
        let again = try program.run(["collect", "--host", "--output", file], as: .own)
        #expect(again.status == 3)
        #expect(try Data(contentsOf: URL(fileURLWithPath: file)) == before)

        // The last quarter is another one's.
        var tampered = before
        let middle = tampered.count * 3 / 4
        tampered[middle] = ~tampered[middle]
        try tampered.write(to: URL(fileURLWithPath: file))
        let found = try program.run(["verify", file], as: .own)
        #expect(found.status == 5)
        #expect(found.output.contains("not intact"))
        #expect(try leftovers(program).isEmpty)
    }

    @Test(.enabled(if: AgentProgram.isRoot)) func collectsNothingOfWhatIsNotThere() throws {
        let program = try AgentProgram()
        let unknown = try program.run(["collect", "--container", "na-no-such-container"], as: .own)
        #expect(unknown.status == 4)
        #expect(unknown.errors.contains("there is no container 'na-no-such-container'"))
        let gone = try program.run(["collect", "--pid", "4194305"], as: .own)
        #expect(gone.status == 4)
        #expect(gone.errors.contains("there is no process 4194305"))
        #expect(try leftovers(program).isEmpty)
    }

    @Test(.enabled(if: AgentProgram.isRoot)) func tellsWhereItCannotWrite() throws {
        let program = try AgentProgram()
        let run = try program.run(["collect", "--host", "--output", "/proc/self/evidence.tar.zst"], as: .own)
        #expect(run.status == 1)
        #expect(run.errors.hasPrefix("nodeagent: ") && run.output.isEmpty)
    }

    @Test(arguments: ["", "no archive at all\n", String(repeating: "x", count: 100_000)])
    func findsThatAFileIsNoArchive(_ text: String) throws {
        let program = try AgentProgram()
        try program.write(text, to: "file")
        let run = try program.run(["verify", "file"])
        #expect(run.status == 5, "\(run.errors)")
        #expect(run.output.contains("not intact"))
        let missing = try program.run(["verify", "nowhere"])
        #expect(missing.status == 1)
        #expect(missing.errors.contains("nowhere"))
    }

    private func leftovers(_ program: borrowing AgentProgram) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: program.directory.path).filter { $0.contains("partial") }
    }
}

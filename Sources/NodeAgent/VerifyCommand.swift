import ArgumentParser
import CLinux
import EventModel
import Evidence
import Glibc

/// `nodeagent verify`: whether a tarball is what its manifest says.
struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Check a tarball against its manifest, without extracting it.",
        discussion: "Exit status: 0 all is as the manifest says, 5 something differs, 1 the file cannot be read.")

    @Argument(help: ArgumentHelp("The tarball.", valueName: "FILE")) var file: String

    /// The readers bound what they keep; libarchive keeps a sparse member's map, which a hostile file can make as long as it
    /// likes.
    private static let mostMemory: UInt64 = 4 << 30

    func run() throws {
        _ = na_limit_memory(Self.mostMemory)
        let found: EvidenceVerification
        do throws(EvidenceError) {
            found = try EvidenceVerification.verify(path: file)
        } catch {
            CommandFailure(.failed, error.description).exit()
        }
        for finding in found.findings { print(finding) }
        if found.findingCount > found.findings.count { print("and \(found.findingCount - found.findings.count) more") }
        var line = "\(found.members) members, \(found.rows) rows"
        for (status, count) in found.byStatus.sorted(by: { $0.key.rawValue < $1.key.rawValue }) where count > 0 {
            line += ", \(count) \(status.rawValue)"
        }
        print(line)
        print("sha256 \(found.sha256)")
        if let end = found.end, !end.isComplete {
            print("incomplete: \(end.stopReason ?? "the collection ended early"); the manifest says what was left out")
        }
        print(found.isIntact ? "intact" : "not intact: \(found.findingCount) findings")
        Glibc.exit((found.isIntact ? ExitStatus.done : .findings).rawValue)
    }
}

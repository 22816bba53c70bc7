import CLinux
import ContainerInventory
import EventModel
import Evidence
import Foundation
import LinuxSystem
import Testing

/// A directory of the test's own, gone with the value.
final class CollectDirectory {
    let path: String
    init() throws {
        path = "/tmp/na-collect-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }
    deinit { _ = run("/bin/rm", "-rf", path) }

    func write(_ name: String, _ text: String) throws {
        let full = "\(path)/\(name)"
        try FileManager.default.createDirectory(
            atPath: (full as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(fileURLWithPath: full))
    }
}

@discardableResult
func run(_ program: String, _ arguments: String...) -> (status: Int32, output: Data) {
    let process = Process()
    let pipe = Pipe()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.standardOutput = pipe
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return (-1, Data()) }
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, output)
}

/// A child that runs until the value goes; ended by its pid.
final class CollectChild {
    let process = Process()
    var pid: Int32 { process.processIdentifier }

    init(_ program: String, _ arguments: [String], environment: [String: String] = [:]) throws {
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.environment = environment
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
    }

    deinit {
        if process.isRunning { kill(pid, SIGKILL) }
        process.waitUntilExit()
    }

    /// Waits until a fact holds of it, at most five seconds.
    func wait(_ fact: () -> Bool) {
        for _ in 0..<500 where !fact() { usleep(10_000) }
    }
}

/// What a collection put into its archive, read with the system's tar.
struct Collected: CustomTestStringConvertible {
    /// A failed expectation must not print the archive.
    var testDescription: String { archive }
    let archive: String
    let rows: [[String: Any]]
    /// Everything in the archive, with its manifest.
    let raw: Data

    /// Runs `body` on a writer over a fresh archive.
    static func make(
        _ directory: CollectDirectory, secrets: SecretPolicy = .redact,
        limits: CollectionLimits = CollectionLimits(freeBytes: 0), readers: TimedReaders = TimedReaders(),
        _ body: (ArtifactWriter) throws(EvidenceError) -> Void
    ) throws -> Collected {
        let path = "\(directory.path)/out-\(UUID().uuidString).tar.zst"
        let archive = try EvidenceArchive(output: .file(path), limits: limits)
        let writer = ArtifactWriter(archive: archive, readers: readers, secrets: secrets) { _ in }
        try body(writer)
        _ = try archive.finish()
        return try Collected(path)
    }

    init(_ path: String) throws {
        archive = path
        let manifest = run("/bin/tar", "--zstd", "-xOf", path, "manifest.jsonl").output
        rows = try manifest.split(separator: 0x0a).map { line in
            try #require(JSONSerialization.jsonObject(with: line) as? [String: Any])
        }.filter { $0["path"] != nil }
        raw = run("/usr/bin/zstd", "-dc", path).output
    }

    func row(_ path: String) -> [String: Any]? { rows.first { $0["path"] as? String == path } }
    func status(_ path: String) -> String? { row(path)?["status"] as? String }
    func reason(_ path: String) -> String? { row(path)?["reason"] as? String }
    func isRedacted(_ path: String) -> Bool { row(path)?["redacted"] as? Bool ?? false }
    func content(_ member: String) -> Data { run("/bin/tar", "--zstd", "-xOf", archive, member).output }
    func text(_ member: String) -> String { String(decoding: content(member), as: UTF8.self) }
    func contains(_ secret: String) -> Bool { raw.range(of: Data(secret.utf8)) != nil }
}

/// The descriptor of a directory of the test's.
func opened(_ path: String) throws -> OwnedDescriptor { try OwnedDescriptor(hostPath: path) }

func testID(_ text: String = String(repeating: "ab12", count: 16)) throws -> ContainerID {
    try #require(ContainerID(validating: text))
}

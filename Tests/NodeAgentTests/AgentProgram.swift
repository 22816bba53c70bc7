import Foundation
import Glibc
import Testing

/// What a run of the program left.
struct AgentRun {
    /// The exit status, or nil when it did not end by itself in time.
    var status: Int32?
    var output: String
    var errors: String

    var errorLines: [Substring] { errors.split(separator: "\n") }
}

/// The built program, run as a child in a directory of its own.
struct AgentProgram: ~Copyable {
    /// The package: symbolic links are followed, so that the tests can be built from another one.
    static let packageRoot = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    /// `NODEAGENT_PROGRAM` names another one, an installed one for instance.
    static let built =
        ProcessInfo.processInfo.environment["NODEAGENT_PROGRAM"].map { URL(fileURLWithPath: $0) }
        ?? packageRoot.appendingPathComponent(".build/release/nodeagent")

    private static let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups"]
    private static let noCapabilities = ["--inh-caps=-all", "--bounding-set=-all"]
    /// Every run ends far sooner; one that hangs is to fail its test and nothing else.
    private static let patience = 30.0

    static let isRoot = geteuid() == 0

    enum Identity {
        /// No user of ours and no capability, also where the tests run as root.
        case nobody
        case own
        /// Root without one capability: `net_admin`.
        case rootWithout(String)
    }

    /// Where the program runs and its files lie; gone with this value.
    let directory: URL

    init() throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("nodeagent-\(UUID().uuidString)")
        try FileManager.default.createDirectory(
            at: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
    }

    deinit { try? FileManager.default.removeItem(at: directory) }

    func write(_ text: String, to name: String) throws { try write(Array(text.utf8), to: name) }

    func write(_ bytes: [UInt8], to name: String) throws {
        let file = directory.appendingPathComponent(name)
        try Data(bytes).write(to: file)
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: file.path)
    }

    /// `run --config nodeagent.yaml` with that text, and rules that are empty when none are given.
    func run(configuration: String, rules: String = "") throws -> AgentRun {
        try write(configuration, to: "nodeagent.yaml")
        try write(rules, to: "rules.yaml")
        return try run(["run", "--config", "nodeagent.yaml"])
    }

    func run(_ arguments: [String], as identity: Identity = .nobody) throws -> AgentRun {
        try #require(
            FileManager.default.isExecutableFile(atPath: Self.built.path),
            "\(Self.built.path) is not there: swift build -c release --build-tests")
        let process = Process()
        process.currentDirectoryURL = directory
        switch identity {
        case .nobody where Self.isRoot:
            process.executableURL = URL(fileURLWithPath: "/usr/bin/setpriv")
            process.arguments = Self.nobody + Self.noCapabilities + [try reachable().path] + arguments
        case .rootWithout(let capability):
            process.executableURL = URL(fileURLWithPath: "/usr/bin/setpriv")
            process.arguments =
                ["--inh-caps=-\(capability)", "--bounding-set=-\(capability)", Self.built.path] + arguments
        case .nobody, .own:
            process.executableURL = Self.built
            process.arguments = arguments
        }
        // Files and not pipes: nobody has to read them while the program runs.
        let output = try emptyFile("stdout")
        let errors = try emptyFile("stderr")
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = errors
        // What the suite's own environment says about directories is not meant for this run.
        process.environment = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SWIFT_BACKTRACE": "enable=no"]
        try process.run()
        let status = wait(for: process)
        return AgentRun(status: status, output: try text(of: "stdout"), errors: try text(of: "stderr"))
    }

    /// The checkout may lie where only root gets to, below /root.
    private func reachable() throws -> URL {
        let link = directory.appendingPathComponent("nodeagent")
        guard !FileManager.default.fileExists(atPath: link.path) else { return link }
        do {
            try FileManager.default.linkItem(at: Self.built, to: link)
        } catch {
            try FileManager.default.copyItem(at: Self.built, to: link)
        }
        return link
    }

    private func wait(for process: Process) -> Int32? {
        let deadline = Date(timeIntervalSinceNow: Self.patience)
        while process.isRunning {
            guard Date() < deadline else {
                kill(process.processIdentifier, SIGKILL)
                process.waitUntilExit()
                return nil
            }
            usleep(2000)
        }
        return process.terminationReason == .exit ? process.terminationStatus : 128 + process.terminationStatus
    }

    private func emptyFile(_ name: String) throws -> FileHandle {
        let file = directory.appendingPathComponent(name)
        try Data().write(to: file)
        return try FileHandle(forWritingTo: file)
    }

    private func text(of name: String) throws -> String {
        String(decoding: try Data(contentsOf: directory.appendingPathComponent(name)), as: UTF8.self)
    }
}

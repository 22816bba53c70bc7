import ArgumentParser
import EventModel
import FoundationEssentials
import Glibc
import SystemPackage

/// The program: its commands. Each command's type says what it does; what they share lies beside it.
///
/// Not an asynchronous command: its `run` would be on a thread of the cooperative pool, and the main thread would sleep
/// beside it for ever with all rights of the start. Capabilities and no_new_privs are a thread's own, and glibc's setuid
/// passes over a main thread that libdispatch has ended.
@main
struct NodeAgent: ParsableCommand {
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "nodeagent",
        abstract: "Notices container escapes on this host, stops them and keeps the evidence, from user space alone.",
        version: "nodeagent \(version)",
        subcommands: [
            RunCommand.self, StatusCommand.self, InventoryCommand.self, PostureCommand.self, DoctorCommand.self,
            ExplainCommand.self, CheckConfigCommand.self, RulesCommand.self, FieldsCommand.self, ReplayCommand.self,
            RecordCommand.self,
            IsolateCommand.self, ReleaseCommand.self, CollectCommand.self, VerifyCommand.self, DeliverCommand.self,
            ConfinementCommand.self, ConfigurationCommand.self,
        ]
    )
}

/// Ends the process with one of the documented statuses, after a message on standard error.
struct CommandFailure: Error, CustomStringConvertible {
    var status: ExitStatus
    var description: String

    init(_ status: ExitStatus, _ description: String) {
        self.status = status
        self.description = description
    }

    /// Prints the message and exits.
    func exit() -> Never {
        writeError("nodeagent: \(description)\n")
        Glibc.exit(status.rawValue)
    }
}

/// Writes to standard error without buffering.
func writeError(_ text: String) {
    let bytes = Array(text.utf8)
    _ = unsafe write(STDERR_FILENO, bytes, bytes.count)
}

/// Writes to standard output; what nobody takes is lost.
func writeOutput(_ bytes: [UInt8]) {
    var rest = bytes[...]
    while !rest.isEmpty {
        let count = unsafe rest.withUnsafeBytes { unsafe write(STDOUT_FILENO, $0.baseAddress, $0.count) }
        if count < 0 {
            if errno == EINTR { continue }
            return
        }
        rest = rest.dropFirst(count)
    }
}

/// The text of an errno.
func errorText(_ error: CInt) -> String { Errno(rawValue: error).description }

/// The process' environment.
func environment() -> [String: String] { ProcessInfo.processInfo.environment }

/// The host's name as Falco prints it.
func hostname() -> String {
    var buffer = [CChar](repeating: 0, count: 256)
    guard unsafe gethostname(&buffer, buffer.count - 1) == 0 else { return "localhost" }
    return String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
}

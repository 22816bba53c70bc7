import ArgumentParser
import CLinux
import Detection
import EventModel
import Glibc
import KernelEvents
import LinuxSystem

/// `nodeagent record`: what the running agent judges, into a file for `nodeagent replay`.
struct RecordCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "record", abstract: "Write the running agent's events to a file, for 'nodeagent replay'.",
        discussion: """
            Every event that the agent's sources tell of while this runs is written, with who did it and the kernel's records, \
            also those that no rule looks at. The agent has the kernel tell it what its loaded rules ask for, and no more. \
            Ends with Ctrl-C, after --seconds, or with the agent. The file has what processes did on this host, command \
            lines with their secrets among it: it is made with mode 0600, and none is replaced.
            Exit status: 0 recorded, 1 failed or no agent runs, 3 the file exists or another recording is made, 77 not root.
            """)

    @Argument(help: "The file to make.") var file: String
    @Option(help: "Ends after so many seconds.") var seconds: UInt64?
    @Option(name: .customLong("runtime-directory"), help: "Where the agent's control socket lies.")
    var runtimeDirectory: String?

    func run() throws {
        let connection = Control.open(ControlRequest(command: .record), runtimeDirectory)
        let descriptor = unsafe open(file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            CommandFailure(errno == EEXIST ? .refused : .failed, "cannot make \(file): \(errorText(errno))").exit()
        }
        let output = OwnedDescriptor(adopting: descriptor)
        do {
            try record(connection, to: output)
        } catch {
            CommandFailure(.failed, "\(error)").exit()
        }
    }

    private func record(
        _ connection: borrowing OwnedDescriptor, to output: borrowing OwnedDescriptor
    ) throws(SystemError) {
        // A signal ends the waiting and not the program: the last line is to be whole.
        na_note_termination()
        var reader = AuditLogReader()
        var piece = [UInt8](repeating: 0, count: 64 * 1024)
        var (events, lost) = (UInt64(0), UInt64(0))
        let now = monotonicNanoseconds()
        let deadline = seconds.map { now &+ $0.multipliedReportingOverflow(by: 1_000_000_000).partialValue }
        while na_termination_noted() == 0, deadline.map({ monotonicNanoseconds() < $0 }) ?? true {
            guard waitReadable([connection.rawValue], milliseconds: 100) != 0 else { continue }
            let count = unsafe read(connection.rawValue, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            // The agent has ended; what it said last is there.
            if count <= 0 { break }
            var lines: [UInt8] = []
            let bytes = piece.span
            reader.read(bytes.extracting(0..<count)) { line in
                for index in line.indices { lines.append(line[index]) }
                lines.append(UInt8(ascii: "\n"))
                if let loss = Recorder.Loss(line: line) { lost += loss.lost } else { events += 1 }
            }
            try output.writeAll(lines)
        }
        print("\(EscapedText.escaped(file)): \(events) events")
        if lost > 0 { writeError("nodeagent: \(lost) events are not in the file, more than it could take\n") }
    }
}

import Detection
import EventModel
import Glibc
import KernelEvents
import LinuxSystem

/// Recorded events on the way that live ones take: read, assembled, normalised, judged, repeats counted. Takes logs of
/// audit (raw or ENRICHED, with or without `node=`) and what `nodeagent record` writes, also mixed. Reads nothing of the
/// host that it runs on.
final class Replay {
    struct Outputs {
        /// With the name of the host that it is of; nil where the log has none.
        var alert: (Alert, String?) -> Void
        var event: ((RecordedEvent) -> Void)?
    }

    /// Lines that are neither, and where the first is.
    struct Malformed {
        var count: UInt64 = 0
        var first: (file: String, line: UInt64)?
    }

    private let rules: RuleSet?
    private let outputs: Outputs
    private var hosts: [String: ReplayHost] = [:]
    private var reader = AuditLogReader()
    private var tooLong: UInt64 = 0
    private var file = ""
    private var line: UInt64 = 0
    private(set) var malformed = Malformed()
    /// Events that were too many to be recorded.
    private(set) var lost: UInt64 = 0

    /// A `node=` is anybody's word: beyond this number of them lines are refused.
    private static let hostLimit = 256
    private static let pieceSize = 64 * 1024

    init(rules: RuleSet?, outputs: Outputs) {
        self.rules = rules
        self.outputs = outputs
    }

    /// Files are read as one log, in the order given; `-` is standard input. `end` tells what is left after the last.
    func read(_ path: String) throws(SystemError) {
        file = path
        line = 0
        if path == "-" {
            try read(STDIN_FILENO)
        } else {
            let file = try OwnedDescriptor(opening: path, flags: O_RDONLY | O_NOCTTY)
            try read(file.rawValue)
        }
    }

    func end() {
        for name in hosts.keys.sorted() { hosts[name]?.end() }
    }

    private func read(_ descriptor: CInt) throws(SystemError) {
        var piece = [UInt8](repeating: 0, count: Self.pieceSize)
        while true {
            let count = unsafe Glibc.read(descriptor, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            _ = try checked(count < 0 ? -errno : 0, "read", file)
            if count == 0 { break }
            let bytes = piece.span
            reader.read(bytes.extracting(0..<count)) { take($0) }
            refuseTooLong()
        }
        reader.end { take($0) }
        refuseTooLong()
    }

    /// What the reader has left out since the last time.
    private func refuseTooLong() {
        while tooLong < reader.tooLong {
            tooLong += 1
            line += 1
            refuse()
        }
    }

    private func take(_ line: Span<UInt8>) {
        self.line += 1
        var start = 0
        while start < line.count, line[start] <= 0x20 { start += 1 }
        guard start < line.count else { return }
        if line[start] == UInt8(ascii: "{") {
            if let loss = Recorder.Loss(line: line) {
                lost &+= loss.lost
                return
            }
            guard let event = RecordedEvent(line: line), let host = host(event.host ?? ""), host.take(event) else {
                return refuse()
            }
        } else {
            guard let parsed = AuditLogLine(line), let type = parsed.type else { return refuse() }
            let record = parsed.record(in: line)
            guard let header = AuditRecordHeader(record) else { return refuse() }
            var name: [UInt8] = []
            for index in parsed.node ?? 0..<0 { name.append(line[index]) }
            guard let host = host(String(decoding: name, as: UTF8.self)) else { return refuse() }
            host.take(type: type, stamp: header.stamp, record: record)
        }
    }

    /// Nil beyond the limit.
    private func host(_ name: String) -> ReplayHost? {
        if let host = hosts[name] { return host }
        guard hosts.count < Self.hostLimit else { return nil }
        let known = name.isEmpty ? nil : name
        let alert = outputs.alert
        let host = try? ReplayHost(
            name: known, rules: rules, outputs: ReplayHost.Outputs(alert: { alert($0, known) }, event: outputs.event))
        hosts[name] = host
        return host
    }

    private func refuse() {
        malformed.count += 1
        if malformed.first == nil { malformed.first = (file, line) }
    }
}

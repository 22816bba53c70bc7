import FoundationEssentials

extension Recorder {
    /// A line between events: so many did not fit.
    struct Loss: Codable {
        var lost: UInt64
    }
}

extension Recorder.Loss {
    var line: [UInt8] { Array("{\"lost\":\(lost)}\n".utf8) }

    /// Nil for a line that is an event.
    init?(line: Span<UInt8>) {
        // An event's keys are sorted, and none of them comes first that begins so.
        let start = Array("{\"lost\":".utf8)
        guard line.count > start.count, start.indices.allSatisfy({ line[$0] == start[$0] }) else { return nil }
        let bytes = unsafe line.withUnsafeBufferPointer { unsafe Data($0) }
        guard let loss = try? JSONDecoder().decode(Recorder.Loss.self, from: bytes) else { return nil }
        self = loss
    }
}

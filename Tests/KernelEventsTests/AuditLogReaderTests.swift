import KernelEvents
import Testing

@Suite struct AuditLogReaderTests {
    /// The lines of a log that comes in pieces of that size.
    private func lines(_ bytes: [UInt8], pieces: Int) -> (lines: [String], tooLong: UInt64) {
        var reader = AuditLogReader()
        var lines: [String] = []
        var start = 0
        while start < bytes.count {
            let piece = Array(bytes[start..<min(start + pieces, bytes.count)])
            reader.read(piece.span) { lines.append(text($0)) }
            start += pieces
        }
        reader.end { lines.append(text($0)) }
        return (lines, reader.tooLong)
    }

    @Test(arguments: [1, 2, 3, 7, 100]) func findsLinesInAnyPieces(_ size: Int) {
        let found = lines(Array("one\n\ntwo three\nlast".utf8), pieces: size)
        #expect(found.lines == ["one", "", "two three", "last"])
        #expect(lines(Array("one\n".utf8), pieces: size).lines == ["one"])
    }

    @Test func leavesOutWhatIsTooLong() {
        let long = [UInt8](repeating: 120, count: AuditLogReader.lineLimit)
        let bytes = long + [10] + long + [120, 10] + Array("short\n".utf8) + long + [120]
        let found = lines(bytes, pieces: 4096)
        #expect(found.lines.map(\.utf8.count) == [AuditLogReader.lineLimit, 5])
        #expect(found.tooLong == 2)
    }

    @Test func leavesOutWhatAuditdAdds() throws {
        let line = Array("node=a type=CWD msg=audit(1.000:1): cwd=\"/\"\u{1D}CWD=\"/x\"".utf8)
        let parsed = try #require(logLine(line))
        #expect(text(parsed.record(in: line.span)) == "audit(1.000:1): cwd=\"/\"")
        #expect(typeNumber("1307") == 1307 && typeNumber("70000") == nil && typeNumber("13x") == nil)
    }
}

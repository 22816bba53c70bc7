import Evidence
import Testing

@Suite struct EscapedNameTests {
    @Test(arguments: [
        ("plain name", "plain name"), ("a\nb", "a\\x0ab"), ("back\\slash", "back\\x5cslash"), ("ü€😀", "ü€😀"),
        ("\u{7f}\u{9b}", "\\x7f\\xc2\\x9b"), ("\u{202e}gpj", "\\xe2\\x80\\xaegpj"),
    ]) func spells(_ name: String, _ escaped: String) {
        #expect(EscapedName.escape(name.utf8) == escaped)
        #expect(EscapedName.unescape(escaped) == Array(name.utf8))
    }

    @Test func keepsAnyBytes() {
        #expect(EscapedName.escape([0xff, 0xc3, 0x41, 0xe2, 0x82]) == "\\xff\\xc3A\\xe2\\x82")
        // A surrogate and a character beyond Unicode are no UTF-8.
        #expect(EscapedName.escape([0xed, 0xa0, 0x80]) == "\\xed\\xa0\\x80")
        #expect(EscapedName.escape([0xf4, 0x90, 0x80, 0x80]) == "\\xf4\\x90\\x80\\x80")
        var random = SystemRandomNumberGenerator()
        for _ in 0..<5000 {
            let bytes = (0..<Int.random(in: 0..<40, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            #expect(EscapedName.unescape(EscapedName.escape(bytes)) == bytes)
        }
    }

    @Test(arguments: ["\\", "\\x", "\\x1", "\\n", "\\xAB", "\\x1g", "a\\\\b"]) func refuses(_ text: String) {
        #expect(EscapedName.unescape(text) == nil)
    }
}

@Suite struct ManifestLineTests {
    private func row() -> ManifestRow {
        var row = ManifestRow(
            path: Array("container/upper/a\nb".utf8) + [0xff], source: Array("/proc/1/\"x\"".utf8), kind: .layer,
            type: .file, status: .truncated, bytesRead: 7, started: "2026-01-02T03:04:05.000000000Z",
            ended: "2026-01-02T03:04:06.000000000Z")
        row.reason = "the first 7 of 9 bytes"
        row.size = 7
        row.sourceSize = 9
        row.sha256 = String(repeating: "ab", count: 32)
        row.modified = "2026-01-01T00:00:00.000000001Z"
        return row
    }

    @Test func writesTheKeysInOrder() {
        #expect(
            String(decoding: row().json, as: UTF8.self) == #"""
                {"path":"container/upper/a\\x0ab\\xff","source":"/proc/1/\"x\"","kind":"layer","type":"file",\#
                "status":"truncated","reason":"the first 7 of 9 bytes","size":7,"source_size":9,"bytes_read":7,\#
                "sha256":"abababababababababababababababababababababababababababababababab","redacted":false,\#
                "mtime":"2026-01-01T00:00:00.000000001Z","started":"2026-01-02T03:04:05.000000000Z",\#
                "ended":"2026-01-02T03:04:06.000000000Z"}
                """#)
    }

    @Test func readsWhatItWrote() {
        var row = row()
        #expect(ManifestLine(row.json) == .row(row))
        row.link = [0xfe, 0x5c]
        row.hashOf = .data
        row.size = nil
        row.reason = nil
        row.isRedacted = true
        #expect(ManifestLine(row.json) == .row(row))
        let header = ManifestHeader(version: 1, program: "nodeagent 1", started: "t")
        #expect(ManifestLine(header.json) == .header(header))
        let end = ManifestEnd(rows: 3, byStatus: [.ok: 2, .denied: 1], isComplete: false, stopReason: "time")
        #expect(ManifestLine(end.json) == .end(end))
    }

    @Test(arguments: [
        "", "{}", "[]", "null", "{\"path\":1}", "{\"rows\":-1,\"by_status\":{},\"complete\":true}",
        "{\"rows\":1,\"by_status\":{\"new\":1},\"complete\":true}", "{\"manifest\":99999999999999999999}",
    ]) func refuses(_ text: String) {
        #expect(ManifestLine(Array(text.utf8)) == nil)
    }

    @Test func survivesAnyBytes() {
        var random = SystemRandomNumberGenerator()
        let line = row().json
        for _ in 0..<5000 {
            var bytes = line
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            if case .row(let row) = ManifestLine(bytes) { #expect(ManifestLine(row.json) == .row(row)) }
            _ = ManifestLine(Array(bytes[..<Int.random(in: 0..<bytes.count, using: &random)]))
        }
        // Nesting has a limit of its own in every JSON parser; this one must not use the stack up.
        #expect(ManifestLine([UInt8](repeating: UInt8(ascii: "["), count: 1 << 20)) == nil)
    }
}

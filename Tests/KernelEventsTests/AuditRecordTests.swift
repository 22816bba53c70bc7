import EventModel
import KernelEvents
import Testing

@Suite struct AuditRecordTests {
    private func header(_ text: String) -> AuditRecordHeader? { AuditRecordHeader(Array(text.utf8).span) }

    @Test func readsTheStamp() throws {
        let header = try #require(self.header("audit(1700000000.123:456): a=b"))
        #expect(header.stamp == AuditStamp(time: 1_700_000_000_123, serial: 456))
        #expect(header.bodyOffset == 26)
        #expect(self.header("audit(1492037298.883:4294967295): ")?.stamp.serial == .max)
        #expect(self.header("audit(1490239800.477:34) config changed, auid=0")?.bodyOffset == 24)
    }

    @Test(arguments: [
        "", "audit(", "audit()", "audit(): x=y and more text", "audit(1700000000.123:456", "audit(1700000000:456): a=b",
        "audit(1700000000.12:456): a=b", "audit(1700000000.123:4294967296): a=b", "audit(1700000000.123:): a=b",
        "audit(.123:456): a=b ccc", "audit(17000000001234567890.123:456): a=b", "audit(-1.123:456): a=b",
        "type=SYSCALL msg=audit(1.000:1)", "audit(1700000000.123:99999999999999999999): a=b", "audit(1700000000.",
        "audit(1700000000.1234:5): a=b",
    ])
    func refusesAnotherStamp(_ text: String) {
        #expect(header(text) == nil)
    }

    private func read(_ body: String) -> [String] {
        fields(of: Array(body.utf8), from: 0).map { "\($0.key)=\($0.value)" }
    }

    @Test func readsFieldsOfEachForm() {
        #expect(read("arch=c000003e  comm=\"a b\" key=(null)") == ["arch=c000003e", "comm=a b", "key=(null)"])
        #expect(read("avc:  denied  { read } for  pid=13010 dev=hda7") == ["pid=13010", "dev=hda7"])
        #expect(read("auditd start, ver=2.4.1 format=raw") == ["ver=2.4.1", "format=raw"])
        #expect(read("config changed, auid=0 res=success") == ["auid=0", "res=success"])
        #expect(read("login pid=1 uid=0 old auid=5 new auid=0") == ["pid=1", "uid=0", "auid=5", "auid=0"])
        #expect(
            read("user pid=7 msg='op=x (hostname=?, addr=?, res=success)'").suffix(4)
                == ["op=x", "hostname=?", "addr=?", "res=success"])
        #expect(read("a= b=2") == ["a=", "b=2"])
        #expect(read("subj==unconfined") == ["subj==unconfined"])
        #expect(read("=x ==y a=b") == ["=y", "a=b"] || read("=x ==y a=b") == ["a=b"])
        #expect(read("key=\"k\"\u{1D}ARCH=x86_64 UID=\"root\"") == ["key=k", "ARCH=x86_64", "UID=root"])
        #expect(read("res=1\u{1D}UID=\"bui\"") == ["res=1", "UID=bui"])
        #expect(read("key=\"k\"ARCH=x86_64") == ["key=k", "ARCH=x86_64"])
        #expect(
            read("SADDR={ saddr_fam=inet laddr=1.2.3.4 }") == [
                "SADDR= saddr_fam=inet laddr=1.2.3.4 ", "saddr_fam=inet", "laddr=1.2.3.4",
            ])
    }

    @Test func endsUnterminatedValuesAtTheRecordsEnd() {
        #expect(read("comm=\"abc") == ["comm=abc"])
        #expect(read("comm=\"") == ["comm="])
        #expect(read("msg='op=x") == ["msg=op=x", "op=x"])
        #expect(read("a={") == ["a="])
        #expect(read("a=") == ["a="])
        #expect(read("a") == [])
    }

    @Test func readsAMessageThatHoldsQuotes() {
        let all = read("pid=1 msg='op=it's exe=\"/bin/x\" res=1'\u{1D}UID=\"root\"")
        #expect(all.first == "pid=1")
        #expect(all.contains("exe=/bin/x"))
        #expect(all.contains("res=1"))
        #expect(all.last == "UID=root")
    }

    @Test func cutsTheTableAt64Fields() {
        var table = AuditFieldTable()
        let bytes = Array((0..<100).map { "a\($0)=\"v\($0)\"" }.joined(separator: " ").utf8)
        table.parse(bytes.span, from: 0)
        #expect(table.count == 64 && table.isCut)
        #expect(value("a63", table, bytes) == "v63")
        #expect(value("a64", table, bytes) == nil)
        table.parse(Array("x=1".utf8).span, from: 0)
        #expect(table.count == 1 && !table.isCut)
        table.parse(Array("x=1".utf8).span, from: 99)
        #expect(table.count == 0)
    }

    @Test func tellsKeysOfTheSameEndApart() {
        let bytes = Array("cap_frootid=1 xap_frootid=2 cap_froo=3".utf8)
        var table = AuditFieldTable()
        table.parse(bytes.span, from: 0)
        #expect(value("cap_froo", table, bytes) == "3")
    }

    private func value(_ key: StaticString, _ table: AuditFieldTable, _ bytes: [UInt8]) -> String? {
        table.first(AuditKey(key), in: bytes.span).map { text($0.value(in: bytes.span)) }
    }

    @Test(
        arguments: [
            ("name=\"/etc/passwd\"", "/etc/passwd"), ("name=2F6120622063", "/a b c"), ("name=\"4142\"", "4142"),
            ("name=4142", "AB"), ("name=(null)", nil), ("name=?", nil), ("tty=(none)", nil),
            ("name=\"(null)\"", "(null)"),
            ("name=414", "414"), ("name=/plain", "/plain"), ("name=\"\"", ""), ("name=", nil), ("name=2f61", "/a"),
        ] as [(String, String?)])
    func decodesText(_ record: String, _ expected: String?) throws {
        let bytes = Array(record.utf8)
        var cursor = AuditFieldCursor(at: 0)
        let read = cursor.next(in: bytes.span)
        let field = try #require(read)
        var event = KernelEvent()
        let range = field.decodeText(in: bytes.span, into: &event)
        #expect(event.string(range) == expected)
    }

    @Test func knowsWhichFieldsAreUntrusted() {
        func key(_ name: String) -> AuditKey {
            let bytes = Array("\(name)=1".utf8)
            var cursor = AuditFieldCursor(at: 0)
            return cursor.next(in: bytes.span).map { $0.key(in: bytes.span) } ?? AuditKey("")
        }
        for name in ["exe", "comm", "name", "cwd", "path", "proctitle", "key", "data", "a0", "a12", "a1[3]"] {
            #expect(key(name).isUntrusted, "\(name)")
        }
        for name in ["pid", "arch", "auid", "argc", "inode", "tty", "a"] { #expect(!key(name).isUntrusted, "\(name)") }
    }

    @Test func readsNumbersWithoutOverflow() {
        func decimal(_ text: String) -> UInt64? { AuditNumber.decimal(Array(text.utf8).span) }
        func signed(_ text: String) -> Int64? { AuditNumber.signedDecimal(Array(text.utf8).span) }
        func hex(_ text: String) -> UInt64? { AuditNumber.hexadecimal(Array(text.utf8).span) }
        func octal(_ text: String) -> UInt64? { AuditNumber.octal(Array(text.utf8).span) }
        #expect(decimal("18446744073709551615") == .max)
        #expect(decimal("18446744073709551616") == nil)
        #expect(decimal("") == nil)
        #expect(decimal("-1") == nil)
        #expect(decimal("1x") == nil)
        #expect(signed("-9223372036854775808") == .min)
        #expect(signed("-9223372036854775809") == nil)
        #expect(signed("9223372036854775808") == nil)
        #expect(signed("-13") == -13)
        #expect(signed("-") == nil)
        #expect(hex("ffffffffffffffff") == .max)
        #expect(hex("1ffffffffffffffff") == nil)
        #expect(hex("0x18") == 0x18)
        #expect(hex("0x") == nil)
        #expect(hex("g") == nil)
        #expect(octal("0100755") == 0o100755)
        #expect(octal("01777777777777777777777") == .max)
        #expect(octal("02000000000000000000000") == nil)
        #expect(octal("8") == nil)
        func device(_ text: String) -> [UInt32]? { AuditNumber.device(Array(text.utf8).span).map { [$0.0, $0.1] } }
        #expect(device("fd:1a") == [0xfd, 0x1a])
        #expect(device("hda7") == nil)
        #expect(device("1:100000000") == nil)
        #expect(device(":") == nil)
    }

    @Test func knowsRecordTypesByNumberAndName() {
        #expect(AuditRecordType.name(of: 1300) == "SYSCALL")
        #expect(AuditRecordType.name(of: 1336) == "URINGOP")
        #expect(AuditRecordType.name(of: 1999) == nil)
        for (type, name) in AuditRecordType.names {
            #expect(typeNumber(name) == type)
            #expect(AuditRecordType.name(of: type) == name)
        }
        #expect(typeNumber("UNKNOWN[1420]") == 1420)
        #expect(typeNumber("UNKNOWN[99999]") == nil)
        #expect(typeNumber("UNKNOWN[]") == nil)
        #expect(typeNumber("SYSCALX") == nil)
        #expect(typeNumber("") == nil)
    }

    @Test func readsLogLines() throws {
        func line(_ text: String) -> (String?, UInt16?, String)? {
            let bytes = Array(text.utf8)
            return AuditLogLine(bytes.span).map { line in
                (
                    line.node.map { String(decoding: bytes[$0], as: UTF8.self) }, line.type,
                    String(decoding: bytes[line.payload], as: UTF8.self)
                )
            }
        }
        #expect(
            line("type=CWD msg=audit(1.000:1): cwd=\"/\"\n") ?? (nil, nil, "") == (
                nil, 1307, "audit(1.000:1): cwd=\"/\""
            ))
        #expect(line("node=a.b type=EOE msg=audit(1.000:1): ") ?? (nil, nil, "") == ("a.b", 1320, "audit(1.000:1): "))
        #expect(
            line(" type=UNKNOWN[1420] msg=audit(1.000:1): x=1\r\n") ?? (nil, nil, "") == (
                nil, 1420, "audit(1.000:1): x=1"
            ))
        #expect(line("msg=audit(1.000:1): x=1") ?? (nil, nil, "") == (nil, nil, "audit(1.000:1): x=1"))
        #expect(line("audit(1700000000.000:1): x=1") ?? (nil, nil, "") == (nil, nil, "audit(1700000000.000:1): x=1"))
        #expect(line("type=CWD") == nil)
        #expect(line("") == nil)
        #expect(line("----") == nil)
        #expect(line("time->Mon Jan 29 2007") == nil)
    }
}

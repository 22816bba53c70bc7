import Detection
import EventModel
import Testing

@Suite struct AlertTests {
    private func alert(_ output: String, _ event: KernelEvent, _ who: Attribution) throws -> Alert {
        let rules = try Samples.ruleSet("evt.num exists", output: output)
        var candidates: [Int] = []
        rules.candidates(for: event, into: &candidates)
        return try #require(rules.alerts(for: event, attribution: who, candidates: candidates).first)
    }

    private let suggested =
        " | container_id=c8a1e44e20da container_name=web image=docker.io/nginx:1.27 pod=<NA> namespace=<NA>"

    @Test(arguments: [
        ("a %proc.name.", "a cat."), ("'%6proc.name|%2proc.name|'", "cat   |ca|"),
        ("%proc.aname[1] %proc.aname[7] %proc.aname", "sh <NA> sh"), ("'%proc.pid %evt.failed'", "4321 false"),
        ("'%user.name'", "<NA>"), (">-\n    a\n    b\n", "a b"),
    ])
    func formatting(output: String, expected: String) throws {
        let output = output.hasPrefix("%") ? "'\(output)'" : output
        #expect(try alert(output, Samples.open("/x"), Samples.inside()).output == expected + suggested)
    }

    @Test func suggestedOnlyWhereNotNamed() throws {
        let all = "a | %container.id %container.name %container.image.repository %k8s.pod.name"
        let text = try alert(all, Samples.open("/x"), Samples.inside()).output
        #expect(text == "a | c8a1e44e20da web docker.io/nginx <NA> namespace=<NA>")
    }

    @Test func hostileText() throws {
        var event = Samples.event(.openat)
        let bytes: [UInt8] =
            Array("/a\n\u{1B}[31m\u{202E}é".utf8) + [0xFF, 0xC3] + Array("\u{85}z".utf8) + [0xE2, 0x80]
        event.name = event.append(bytes.span)
        let alert = try alert("'%fd.name'", event, Samples.inside())
        #expect(alert.output.hasPrefix(#"/a\n\u001b[31m\u202eé\xff\xc3\u0085z\xe2\x80 |"#))
        let name = try #require(alert.fields.first { $0.name == "fd.name" })
        guard case .text(let text) = name.value else {
            Issue.record("no text")
            return
        }
        #expect(text.contains("\n") && text.contains("\u{FFFD}"))
    }

    @Test func fields() throws {
        let alert = try alert("'%evt.res %proc.name %proc.name'", Samples.open("/x"), Samples.inside())
        #expect(
            alert.fields.map(\.name) == [
                "evt.res", "proc.name", "container.id", "container.name", "container.image", "k8s.pod.name",
                "k8s.ns.name", "evt.time", "evt.type", "evt.source", "container.image.repository",
                "container.image.tag", "user.name", "user.uid", "proc.pid", "proc.exepath", "proc.cmdline",
                "proc.pname", "attribution.certainty",
            ])
        #expect(alert.fields.first { $0.name == "evt.time" }?.value == .number(1_748_557_198_960_296_886))
        #expect(alert.fields.first { $0.name == "user.name" }?.value == .missing)
        #expect(alert.source == "syscall" && alert.priority == .notice && alert.time == 1_748_557_198_960_296_886)
    }

    @Test func certaintyIsTold() throws {
        var who = Samples.inside()
        who.certainty = .inherited
        #expect(try alert("x", Samples.open("/x"), who).output.hasSuffix(" attribution=inherited"))
        who.certainty = .ambiguous("a\nb")
        #expect(try alert("x", Samples.open("/x"), who).output.hasSuffix(#" attribution=ambiguous (a\nb)"#))
    }
}

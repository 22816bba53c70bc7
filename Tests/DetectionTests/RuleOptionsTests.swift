import Detection
import EventModel
import Testing

/// What the configuration says of rules as a whole.
@Suite struct RuleOptionsTests {
    private static let text = ["First rule", "Second rule", "Third [x]"].enumerated().map { number, name in
        """
        - rule: \(name)
          desc: d
          condition: evt.type = openat
          output: out
          priority: INFO
          tags: [all, tag\(number)]

        """
    }.joined()
    private let event = Samples.open("/etc/shadow")

    private func load(_ change: (inout RuleSet.Options) -> Void) throws -> RuleSet {
        var options = RuleSet.Options()
        change(&options)
        return try RuleSet(files: [("f.yaml", Self.text)], options: options)
    }

    @Test func matching() throws {
        #expect(try Samples.names(load { _ in }, event, Samples.inside()).count == 3)
        #expect(try Samples.names(load { $0.matching = .first }, event, Samples.inside()) == ["First rule"])
        let off = try load {
            $0.matching = .first
            $0.selection = [RuleSet.Selection(.name("First*"), isEnabled: false)]
        }
        #expect(Samples.names(off, event, Samples.inside()) == ["Second rule"])
    }

    @Test(arguments: [
        ("*", [false, false, false]), ("First rule", [false, true, true]), ("first rule", [true, true, true]),
        ("*rule", [false, false, true]), ("*r*", [false, false, false]), ("F*t*e", [false, true, true]),
        ("Third [x]", [true, true, false]), ("Third*[?]", [true, true, true]), ("", [true, true, true]),
        ("First rule*First rule", [true, true, true]),
    ])
    func names(pattern: String, enabled: [Bool]) throws {
        let rules = try load { $0.selection = [RuleSet.Selection(.name(pattern), isEnabled: false)] }
        #expect(rules.rules.map(\.isEnabled) == enabled)
    }

    @Test func tagsAndOrder() throws {
        let rules = try load {
            $0.selection = [
                RuleSet.Selection(.tag("all"), isEnabled: false), RuleSet.Selection(.tag("tag1"), isEnabled: true),
                RuleSet.Selection(.tag("tag"), isEnabled: true),
            ]
        }
        #expect(rules.rules.map(\.isEnabled) == [false, true, false])
    }

    @Test func onlyOne() throws {
        let rules = try load { $0.selection = [RuleSet.Selection(.name("First rule"), isEnabled: false)] }
        #expect(rules.only(0).rules.map(\.isEnabled) == [true, false, false])
        #expect(Samples.names(rules.only(0), event, Samples.inside()) == ["First rule"])
        #expect(Samples.names(rules, event, Samples.inside()) == ["Second rule", "Third [x]"])
    }

    @Test func appendOutput() throws {
        let rules = try load {
            var first = RuleSet.AppendOutput()
            first.rule = "First rule"
            first.output = "file=%fd.name"
            first.fields = [("proc.ppid", nil), ("where", "%container.name/%fd.name")]
            var tagged = RuleSet.AppendOutput()
            tagged.tags = ["all", "tag1"]
            tagged.output = "second"
            var other = RuleSet.AppendOutput()
            other.source = "k8s_audit"
            other.output = "never"
            $0.appendOutput = [first, tagged, other]
        }
        let alerts = rules.alerts(for: event, attribution: Samples.inside(), candidates: [0, 1, 2])
        #expect(alerts.map(\.output) == ["out file=/etc/shadow", "out second", "out"])
        #expect(alerts[0].fields.first { $0.name == "proc.ppid" }?.value == .number(4300))
        #expect(alerts[0].fields.first { $0.name == "where" }?.value == .text("web//etc/shadow"))
        #expect(alerts[0].fields.contains { $0.name == "fd.name" })
        #expect(!alerts[1].fields.contains { $0.name == "where" })
        let error = #expect(throws: RuleErrors.self) {
            try load { $0.appendOutput[0].output = "%proc.nam" }
        }
        #expect(error?.errors.map { "\($0.file):\($0.line):\($0.column)" } == ["append_output:1:2"])
    }

    @Test func staticFields() throws {
        let rule =
            "- rule: R\n  desc: d\n  condition: evt.type = openat and static.env = prod\n  output: '%static.env'\n  priority: INFO\n"
        var options = RuleSet.Options()
        options.staticFields = [("env", "prod"), ("site", "a b")]
        let rules = try RuleSet(files: [("f.yaml", rule)], options: options)
        let alert = try #require(rules.alerts(for: event, attribution: Samples.inside(), candidates: [0]).first)
        #expect(alert.output.hasPrefix("prod | container_id=") && alert.output.hasSuffix(" static_site=a b"))
        #expect(alert.fields.first { $0.name == "static.env" }?.value == .text("prod"))
        options.staticFields = [("env", "test")]
        #expect(Samples.names(try RuleSet(files: [("f.yaml", rule)], options: options), event, Samples.inside()) == [])
        #expect(throws: RuleErrors.self) { try RuleSet(files: [("f.yaml", rule)]) }
    }
}

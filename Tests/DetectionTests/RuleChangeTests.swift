import Detection
import EventModel
import Testing

/// Items that change earlier ones: `override`, `append`, `enabled`, and what may not be changed.
@Suite struct RuleChangeTests {
    private static let base = """
        - list: names
          items: [cat, dog]
        - macro: named
          condition: proc.name in (names)
        - rule: R
          desc: first
          condition: evt.type = openat and named
          output: out %proc.name
          priority: NOTICE
          tags: [a]

        """
    private let event = Samples.open("/etc/shadow")

    private func load(_ more: String, base: String = base) throws -> RuleSet {
        try RuleSet(files: [("base.yaml", base), ("more.yaml", more)])
    }

    private func places(_ more: String) -> [String] {
        do {
            _ = try load(more)
            return []
        } catch let error as RuleErrors {
            return error.errors.map { "\($0.file):\($0.line):\($0.column)" }
        } catch { return ["?"] }
    }

    private func fires(_ rules: RuleSet) -> Bool { !Samples.names(rules, event, Samples.inside()).isEmpty }

    @Test(arguments: [
        // What is appended is appended as text, as in Falco.
        ("- list: names\n  items: [cow]\n  override: {items: replace}\n", false),
        ("- list: names\n  items: [cow]\n  override: {items: append}\n", true),
        ("- list: names\n  items: [cow]\n  append: true\n", true),
        ("- list: names\n  items: [cow]\n", false),
        ("- macro: named\n  condition: and fd.name = /x\n  override: {condition: append}\n", false),
        ("- macro: named\n  condition: or fd.name = /x\n  append: true\n", true),
        ("- macro: named\n  condition: fd.name = /x\n  override: {condition: replace}\n", false),
        ("- rule: R\n  condition: and fd.name = /x\n  override: {condition: append}\n", false),
        ("- rule: R\n  condition: or fd.name = /etc/shadow\n  append: true\n", true),
        ("- rule: R\n  condition: fd.name = /x\n  override: {condition: replace}\n", false),
        ("- rule: R\n  enabled: false\n", false),
        ("- rule: R\n  enabled: false\n  override: {enabled: replace}\n", false),
        ("- rule: R\n  enabled: false\n- rule: R\n  enabled: true\n  override: {enabled: replace}\n", true),
    ])
    func conditions(more: String, expected: Bool) throws {
        #expect(try fires(load(more)) == expected)
    }

    @Test func otherKeys() throws {
        let more = """
            - rule: R
              desc: second
              output: and %fd.name
              priority: CRITICAL
              tags: [a, b]
              source: syscall
              override: {desc: append, output: append, priority: replace, tags: append}
            """
        let rules = try load(more)
        let rule = try #require(rules.rules.first)
        #expect(rule.description == "first second" && rule.priority == .critical && rule.tags == ["a", "b"])
        #expect(
            rules.alert(rule: 0, event: event, attribution: Samples.inside()).output.hasPrefix(
                "out cat and /etc/shadow"))
        let replaced = try load("- rule: R\n  tags: [c]\n  desc: x\n  override: {tags: replace, desc: replace}\n")
        #expect(replaced.rules.first?.tags == ["c"] && replaced.rules.first?.description == "x")
    }

    /// A part that was appended is wrong: the place is in the file that appended it.
    @Test func placesInParts() {
        #expect(
            places("- rule: R\n  condition: >\n    and proc.nam = x\n  override: {condition: append}\n") == [
                "more.yaml:3:9"
            ])
        #expect(places("- macro: named\n  condition: and\n  append: true\n") == ["more.yaml:2:14"])
        #expect(places("- rule: R\n  output: '%proc.nam'\n  override: {output: append}\n") == ["more.yaml:2:13"])
        #expect(places("- macro: named\n  condition: and x\n  append: true\n") == ["more.yaml:2:18"])
    }

    @Test(arguments: [
        ("- list: nam\n  items: []\n  append: true\n", "1:9"),
        ("- macro: nam\n  condition: a\n  append: true\n", "1:10"),
        ("- rule: Q\n  condition: and a\n  override: {condition: append}\n", "1:9"),
        ("- rule: Q\n  condition: and a\n  append: true\n", "1:9"),
        ("- rule: R\n  condition: a\n  append: true\n  override: {condition: append}\n", "4:13"),
        ("- list: names\n  items: []\n  append: true\n  override: {items: append}\n", "4:13"),
        ("- rule: R\n  condition: a\n  desc: b\n  override: {condition: replace}\n", "3:9"),
        ("- rule: R\n  override: {condition: replace}\n", "2:14"),
        ("- rule: R\n  priority: INFO\n  override: {priority: append}\n", "3:24"),
        ("- rule: R\n  condition: a\n  override: {condition: change}\n", "3:25"),
        ("- rule: R\n  condition: a\n  override: {conditoin: append}\n", "3:14"),
        ("- rule: R\n  condition: a\n  override: append\n", "3:13"),
        ("- rule: R\n  tags: [a]\n  append: true\n", "1:9"),
        ("- rule: R\n  append: true\n", "1:9"),
        ("- rule: R\n  condition: and a\n  source: k8s_audit\n  override: {condition: append}\n", "1:9"),
        ("- rule: R\n  source: k8s_audit\n  desc: d\n  condition: a\n  output: o\n  priority: INFO\n", "1:9"),
        ("- rule: R\n  priority: LOUD\n  override: {priority: replace}\n", "2:13"),
    ])
    func errors(more: String, place: String) {
        #expect(places(more) == ["more.yaml:" + place])
    }

    @Test func redefinitionSees() throws {
        // A macro sees those whose first definition stands before its own last one.
        let text = """
            - macro: a
              condition: proc.name = cat
            - macro: b
              condition: fd.name = /etc/shadow
            - macro: a
              condition: b
            - rule: R
              desc: d
              condition: evt.type = openat and a
              output: x
              priority: INFO
            """
        #expect(try fires(RuleSet(files: [("a.yaml", text)])))
    }

    @Test func deprecatedAndSources() throws {
        let rules = try load("- list: names\n  items: [x]\n  append: true\n")
        #expect(rules.warnings.map(\.kind) == [.deprecated])
        // As in Falco the rest of an appended rule is passed over; here it is told.
        let whole = try load("- rule: R\n  desc: e\n  condition: or evt.type = open\n  tags: [z]\n  append: true\n")
        #expect(whole.rules.first?.description == "first" && whole.rules.first?.tags == ["a"])
        #expect(whole.warnings.map(\.line) == [2, 4, 5])
        let other =
            "- rule: K\n  source: k8s_audit\n  desc: d\n  condition: ka.verb = get\n  output: o\n  priority: INFO\n"
        let loaded = try load(other + "- rule: K\n  enabled: false\n")
        #expect(loaded.rules.map(\.name) == ["R"] && loaded.warnings.count == 1)
    }

    @Test func versionsAndDocuments() throws {
        for text in [
            "- required_engine_version: 0.63.0\n", "- required_engine_version: 26\n",
            "- required_plugin_versions:\n    - name: container\n      version: 0.4.0\n",
            "- required_plugin_versions:\n    - {name: k8smeta, version: 1.0.0, alternatives: [{name: container, version: 0.2.0}]}\n",
            "---\n- list: names\n  items: [cat]\n---\n# nothing\n", "- rule: R\n  condition: or a\n  capture: true\n",
        ] where !text.contains("capture") {
            #expect(places(text) == [], "\(text)")
        }
        #expect(places("- required_plugin_versions:\n    - {name: json, version: 0.1.0}\n") == ["more.yaml:2:7"])
        #expect(places("- required_plugin_versions:\n    - {name: container, version: 9.0.0}\n") == ["more.yaml:2:7"])
        #expect(places("- required_plugin_versions:\n    - {name: container}\n") == ["more.yaml:2:7"])
        #expect(places("- required_plugin_versions: container\n") == ["more.yaml:1:29"])
    }

    @Test func unknownFieldsMayBeTolerated() throws {
        let rule =
            "- rule: S\n  desc: d\n  condition: evt.type = open and new.field = 1\n  output: o\n  priority: INFO\n"
        #expect(places(rule) == ["more.yaml:3:34"])
        let tolerant = try load(rule + "  skip-if-unknown-filter: true\n")
        #expect(tolerant.rules.map(\.name) == ["R"] && tolerant.warnings.map(\.kind) == [.unknownName])
        // In a macro of such a rule too, unless another rule asks for it.
        let macro = "- macro: new\n  condition: new.field = 1\n"
        let uses = rule.replacing("new.field = 1", with: "new")
        #expect(places(macro + uses) == ["more.yaml:2:14"] && places(macro) == ["more.yaml:2:14"])
        #expect(try load(macro + uses + "  skip-if-unknown-filter: true\n").rules.map(\.name) == ["R"])
        let both = macro + uses + "  skip-if-unknown-filter: true\n" + uses.replacing("rule: S", with: "rule: T")
        #expect(places(both) == ["more.yaml:2:14"])
        // Only fields: a macro that is not there stays an error.
        #expect(places(rule.replacing("new.field = 1", with: "absent") + "  skip-if-unknown-filter: true\n").count == 1)
    }
}

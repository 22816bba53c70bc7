import Detection
import EventModel
import Testing

/// Rules that others wrote: Falco's own files, and the one that this project was asked to run.
@Suite struct UpstreamRulesTests {
    private static let files = ["falco_rules.yaml", "falco-incubating_rules.yaml"]

    /// All 56 rules, untouched: what no source here tells is a warning, never an error.
    @Test(.enabled("the shared test data is not here") { TestFiles.shared("falco-rules/falco_rules.yaml") != nil })
    func upstreamLoads() throws {
        let files = try Self.files.map { (name: $0, text: try #require(TestFiles.shared("falco-rules/\($0)"))) }
        let rules = try RuleSet(files: files)
        #expect(rules.rules.count == 56)
        #expect(rules.rules.allSatisfy { $0.isEnabled && !$0.tags.isEmpty })
        #expect(rules.warnings.allSatisfy { [.unfed, .neverMatches, .unused].contains($0.kind) })
        for file in files {
            let count = file.name == "falco_rules.yaml" ? 25 : 31
            #expect(try RuleSet(files: [file]).rules.count == count)
        }
    }

    /// The corpus of the fuzzer has every construct: it must load, or mutations of it would not come far.
    @Test func corpusLoads() throws {
        let rules = try RuleSet(files: [("language.yaml", TestFiles.ofRepository("Fuzz/corpus/rules/language.yaml"))])
        #expect(rules.rules.map(\.isEnabled) == [false])
    }

    /// The rule as the page prints it: its indentation was lost there and is put back, nothing else is touched.
    @Test(.enabled("the shared seeds are not here") { TestFiles.shared(startingWith: "000", in: "../seeds") != nil })
    func seedRule() throws {
        let page = try #require(TestFiles.shared(startingWith: "000", in: "../seeds"))
        let lines = page.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        let start = try #require(lines.firstIndex(of: "- rule: Privileged Container Started"))
        let end = try #require(lines[start...].firstIndex { $0.hasPrefix("tags:") })
        let keys = ["desc:", "condition:", "output:", "priority:", "tags:"]
        let rule = lines[start...end].map { line in
            line.hasPrefix("- ") ? line : (keys.contains { line.hasPrefix($0) } ? "  " : "    ") + line
        }.joined(separator: "\n")
        let local = """
            - list: known_privileged_images
              items: []
            - macro: container_started
              condition: (evt.type = container)

            """
        let rules = try RuleSet(files: [("seed.yaml", local + rule)])
        #expect(rules.rules.map(\.name) == ["Privileged Container Started"])
        #expect(rules.rules.first?.priority == .critical)
        #expect(rules.rules.first?.tags == ["container", "privileged", "T1611", "privilege_escalation"])
        let event = Samples.event(.container, source: .inventory, result: nil)
        let fired = Samples.names(rules, event, Samples.inside(Samples.container(privileged: true)))
        #expect(fired == ["Privileged Container Started"])
        #expect(Samples.names(rules, event, Samples.inside()) == [])
    }
}

import Detection
import EventModel
import Testing

/// Random conditions on random events: the compiled program against the naive walk, and phase one against phase two.
@Suite struct EvaluationPropertyTests {
    private static let paths = ["/etc/shadow", "/proc/1/environ", "/sys/kernel/uevent_helper", "/etc", "x", "/"]
    private static let checks = [
        "evt.type = openat", "evt.type in (mount, write)", "evt.type != open", "evt.rawres < 0", "evt.rawres = -2",
        "evt.rawres in (0, 3)", "evt.failed = true", "evt.failed != false", "evt.is_open_write = true",
        "fd.name = /etc/shadow", "fd.name != /etc", "fd.name startswith /etc", "fd.name endswith environ",
        "fd.name contains kernel", "fd.name icontains KERNEL", "fd.name in (/etc, /x, /proc/1/environ)",
        "fd.name pmatch (/etc, /sys/kernel)", "fd.filename = shadow", "fd.name exists", "file.type = block",
        "file.node = 8:1", "user.uid = 0", "user.uid > 5", "evt.source = audit", "node.type exists",
        "fd.proc.same_container = false", "fd.proc.is_self = true", "proc.name = cat", "proc.name != cat",
        "proc.aname = sh", "proc.aname[1] = sh", "proc.aname[3] != x", "proc.cmdline contains cat",
        "proc.is_container_setup = true", "container.id = host", "container.id != host",
        "container.privileged = true", "container.image.repository in (docker.io/nginx)", "container.image exists",
        "fd.name = x", "fd.name startswith /proc", "fd.name startswith /s", "fd.name endswith shadow",
        "fd.name endswith c",
        "fd.name pmatch (/proc/1)", "fd.name pmatch (/)", "evt.rawres in (-13)", "evt.rawres = 3", "evt.type = mount",
        "fd.name startswith anyof (/etc/s, /sys)", "fd.name contains allof (e, r)", "fd.name endswith oneof (w, ow, r)",
        "proc.name in (dog, cow)", "proc.name != allof (dog, cow)", "container.declares_device = false",
        "k8s.ns.name = default", "attribution.certainty in (certain, unknown)",
    ]

    private func condition(_ random: inout SeededGenerator, depth: Int) -> String {
        switch depth > 0 ? random.next() % 4 : 0 {
        case 0: return random.pick(Self.checks)
        case 1: return "not (" + condition(&random, depth: depth - 1) + ")"
        case let kind:
            let terms = (0..<(2 + random.next() % 2)).map { _ in "(" + condition(&random, depth: depth - 1) + ")" }
            return terms.joined(separator: kind == 2 ? " and " : " or ")
        }
    }

    private func event(_ random: inout SeededGenerator) -> KernelEvent {
        var event = Samples.event(
            random.pick(EventType.allCases.filter { $0 != .other }), source: random.pick(EventSource.allCases),
            name: random.pick(Self.paths + [nil]), result: random.pick([nil, 0, 3, -2, -13]))
        event.openFlags = random.pick([nil, 0, 1, 2, 0o10000000])
        event.uid = random.pick([0, 1000, .max])
        event.object = random.pick([nil, Samples.disk, Samples.object(mode: 0o100644)])
        event.creationMode = random.pick([nil, 0o060600, 0o644])
        return event
    }

    private func attribution(_ random: inout SeededGenerator) -> Attribution {
        var who = random.pick([
            Samples.inside(), Samples.inside(Samples.container(privileged: true, image: nil)), Samples.host,
            Samples.inside(setup: true), Attribution(certainty: .unknown),
        ])
        who.entryIsSelf = random.pick([nil, true, false])
        who.entryIsInSameContainer = random.pick([nil, true, false])
        if random.next() % 4 == 0 { who.certainty = .inherited }
        return who
    }

    @Test func compiledAgreesWithNaive() throws {
        var random = SeededGenerator(seed: 3)
        var counts: [Verdict: Int] = [:]
        for _ in 0..<600 {
            let text = condition(&random, depth: 4)
            let tree = try ConditionParser.parse(text)
            let rules = try Samples.ruleSet(text)
            for _ in 0..<20 {
                let event = event(&random)
                let who = attribution(&random)
                let naiveFirst = NaiveEvaluation(event: event, attribution: nil).value(tree)
                let naiveSecond = NaiveEvaluation(event: event, attribution: who).value(tree)
                let first = rules.verdict(of: 0, event: event, attribution: nil)
                let second = rules.verdict(of: 0, event: event, attribution: who)
                #expect(first == (naiveFirst.map { $0 ? .yes : .no } ?? .unknown), "\(text)")
                #expect(second == (naiveSecond == true ? .yes : .no), "\(text)")
                counts[first, default: 0] += 1
                // What is decided without the inventory stays so, and the index by type leaves nothing out.
                if first != .unknown { #expect(first == second, "\(text)") }
                var candidates: [Int] = []
                rules.candidates(for: event, into: &candidates)
                #expect(candidates == (first == .no ? [] : [0]), "\(text)")
                if second == .yes { #expect(candidates == [0], "\(text)") }
            }
        }
        #expect([.no, .unknown, .yes].allSatisfy { counts[$0, default: 0] > 500 })
    }

    /// Falco's own rules: what is decided without the inventory stays so, whatever the event.
    @Test(.enabled("the shared test data is not here") { TestFiles.shared("falco-rules/falco_rules.yaml") != nil })
    func upstreamRulesPhases() throws {
        let names = ["falco_rules.yaml", "falco-incubating_rules.yaml"]
        let rules = try RuleSet(files: names.map { ($0, try #require(TestFiles.shared("falco-rules/\($0)"))) })
        var random = SeededGenerator(seed: 5)
        var matches = 0
        var candidates: [Int] = []
        for _ in 0..<1_000 {
            let event = event(&random)
            let who = attribution(&random)
            rules.candidates(for: event, into: &candidates)
            #expect(candidates == candidates.sorted())
            for rule in rules.rules.indices {
                let first = rules.verdict(of: rule, event: event, attribution: nil)
                let second = rules.verdict(of: rule, event: event, attribution: who)
                if first != .unknown { #expect(first == second) }
                if second == .yes {
                    matches += 1
                    #expect(candidates.contains(rule))
                    #expect(!rules.alert(rule: rule, event: event, attribution: who).output.isEmpty)
                }
            }
            let all = rules.rules.indices.filter { rules.verdict(of: $0, event: event, attribution: who) == .yes }
            #expect(rules.matches(for: event, attribution: who, candidates: candidates) == all)
        }
        #expect(matches > 5)
    }

    @Test func shippedRulesPhases() throws {
        let rules = try RuleSet(files: [("escape.yaml", TestFiles.ofRepository("config/rules/escape.yaml"))])
        var random = SeededGenerator(seed: 4)
        var matches = 0
        var candidates: [Int] = []
        for _ in 0..<20_000 {
            let event = event(&random)
            let who = attribution(&random)
            rules.candidates(for: event, into: &candidates)
            for rule in rules.rules.indices where rules.verdict(of: rule, event: event, attribution: who) == .yes {
                matches += 1
                #expect(candidates.contains(rule))
            }
        }
        #expect(matches > 500)
    }
}

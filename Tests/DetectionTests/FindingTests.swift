import Detection
import EventModel
import Testing

/// Why a rule matched, and what its condition asks of the kernel.
@Suite struct FindingTests {
    private func findings(
        _ condition: String, _ event: KernelEvent, _ who: Attribution
    ) throws -> [ConditionFinding] {
        try Samples.ruleSet(condition, before: "- list: shells\n  items: [sh, bash]\n").findings(
            of: 0, event: event, attribution: who)
    }

    @Test func namesEachPartWithItsValue() throws {
        let found = try findings(
            "evt.type = openat and (fd.name startswith /etc or proc.name in (shells)) and not user.uid = 7",
            Samples.open("/etc/shadow"), Samples.inside())
        #expect(
            found == [
                ConditionFinding(depth: 0, text: "all of", value: nil, verdict: .yes),
                ConditionFinding(depth: 1, text: "evt.type = openat", value: "openat", verdict: .yes),
                ConditionFinding(depth: 1, text: "any of", value: nil, verdict: .yes),
                ConditionFinding(depth: 2, text: "fd.name startswith /etc", value: "/etc/shadow", verdict: .yes),
                ConditionFinding(depth: 2, text: "proc.name in (sh, bash)", value: "cat", verdict: .no),
                ConditionFinding(depth: 1, text: "not", value: nil, verdict: .yes),
                ConditionFinding(depth: 2, text: "user.uid = 7", value: "0", verdict: .no),
            ])
    }

    @Test func shortensAndEscapes() throws {
        let many = (1...20).map { "a\($0)" }.joined(separator: ", ")
        let found = try findings("fd.name in (\(many))", Samples.open("/\u{1B}[31m"), Samples.inside())
        #expect(found[0].text.hasSuffix(", a8, and 12 more)"))
        #expect(found[0].value == #"/\u001b[31m"#)
        #expect(try findings("proc.cwd exists", Samples.open("/x"), Samples.inside())[0].value == "<NA>")
    }

    /// Whether binds and the like have to be heard of: only a rule that asks for a block device can do without.
    @Test(arguments: [
        ("evt.type = mount and file.type = block", false),
        ("evt.type in (mount, openat) and (file.type = block or evt.type = openat)", false),
        ("evt.type = openat", false),
        ("evt.type = mount", true),
        ("evt.type = mount and not file.type = block", true),
        ("evt.type = mount and (file.type = block or proc.name = x)", true),
        ("evt.type = mount and file.type in (block, directory)", true),
    ])
    func asksForEveryMount(condition: String, every: Bool) throws {
        let plan = try Samples.ruleSet(condition).auditPlan
        #expect(plan.everyMount == every)
    }
}

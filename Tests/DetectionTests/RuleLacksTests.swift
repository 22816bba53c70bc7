import Detection
import Testing

/// What rules ask for and no source here has, and where fields come from.
@Suite struct RuleLacksTests {
    private func lacks(_ condition: String, output: String = "out") throws -> RuleLacks {
        let rule = "- rule: R\n  desc: d\n  condition: \(condition)\n  output: '\(output)'\n  priority: INFO\n"
        return try #require(try RuleSet(files: [("f.yaml", rule)]).rules.first).lacks
    }

    @Test func nothing() throws {
        let lacks = try lacks("evt.type = mount and proc.name = x", output: "%proc.name")
        #expect(lacks.eventTypes.isEmpty && lacks.conditionFields.isEmpty && lacks.outputFields.isEmpty)
        #expect(lacks.neverMatches == nil)
    }

    @Test func typesAndFields() throws {
        let lacks = try lacks(
            "(evt.type = mount or evt.type in (sendfile, semop)) and not proc.sid = 1",
            output: "%proc.sname %proc.sname %fd.name")
        #expect(lacks.eventTypes == ["semop", "sendfile"])
        #expect(lacks.conditionFields == [.procSid])
        #expect(lacks.outputFields == [.procSname])
        #expect(lacks.neverMatches == nil)
    }

    @Test func whyItNeverMatches() throws {
        #expect(try lacks("evt.type = sendfile").neverMatches == "no source here tells of `sendfile`")
        #expect(try lacks("evt.type = mount and proc.sid = 1").neverMatches == "no source here tells `proc.sid`")
        #expect(
            try lacks("evt.type = mount and evt.type = open").neverMatches == "its condition is true at no event")
    }

    /// A field has a source, or there is a reason why not.
    @Test func everyFieldHasSourcesOrAReason() {
        for field in FieldCatalog.all {
            #expect(field.isFed != field.sources.isEmpty, "\(field.name)")
            #expect(field.isFed == (field.whyUnfed == nil), "\(field.name)")
        }
        #expect(FieldCatalog.field(named: "proc.sid")?.whyUnfed == "sessions and process groups are not read yet")
        #expect(FieldCatalog.field(named: "evt.arg")?.argument == "NAME")
    }

    @Test func warningsComeWithErrors() {
        let text =
            "- macro: m\n  condition: evt.type = mount\n- rule: R\n  desc: d\n  condition: evt.typ = x\n"
            + "  output: o\n  priority: INFO\n- rule: S\n  desc: d\n  condition: proc.sid = 1\n  output: o\n  priority: INFO\n"
        let error = #expect(throws: RuleErrors.self) { try RuleSet(files: [("f.yaml", text)]) }
        #expect(error?.errors.count == 1)
        #expect(error?.warnings.map(\.line) == [10])
        #expect(error?.description.contains("f.yaml:10:14: warning: ") == true)
    }
}

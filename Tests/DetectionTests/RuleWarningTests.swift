import Detection
import EventModel
import Testing

/// What loads and is told all the same.
@Suite struct RuleWarningTests {
    private func warnings(_ text: String) throws -> [String] {
        try RuleSet(files: [("f.yaml", text)]).warnings.map { "\($0.line):\($0.column) \($0.kind): \($0.message)" }
    }

    private func rule(_ condition: String, name: String = "R", more: String = "") -> String {
        "- rule: \(name)\n  desc: d\n  condition: \(condition)\n  output: x\n  priority: INFO\n\(more)"
    }

    @Test func unfedOncePerField() throws {
        let text =
            rule("evt.type = open and (evt.buflen = 2 or evt.arg.backlog = 1 or proc.name = x)")
            + rule("evt.type = open and not evt.buflen in (1, 2)", name: "S")
        #expect(
            try warnings(text) == [
                "3:35 unfed: no source here tells `evt.buflen` yet: every comparison with it is false",
                "3:53 unfed: no source here tells `evt.arg.backlog` yet: every comparison with it is false",
            ])
    }

    @Test(arguments: [
        ("evt.type in (flock, close)", "never matches: no source here tells of `close`, `flock`"),
        ("evt.type = open and evt.type = write", "never matches: its condition is true at no event"),
        ("evt.type = open and evt.num = 0", "never matches: its condition is true at no event"),
        ("evt.type = open and proc.name in ()", nil),
        ("evt.type = open and not evt.buflen = 1", nil), ("evt.type = open or evt.type = flock", nil),
        ("evt.type = open and proc.nthreads > 1", "never matches: no source here tells `proc.nthreads`"),
        ("evt.type = open and len(proc.env) > 1", "never matches: no source here tells `proc.env`"),
        ("evt.type = open and proc.name = val(proc.sname)", "never matches: no source here tells `proc.sname`"),
        ("not (evt.type != open or not proc.nthreads > 1)", "never matches: no source here tells `proc.nthreads`"),
    ])
    func neverMatches(condition: String, expected: String?) throws {
        let rules = try RuleSet(files: [("f.yaml", rule(condition))])
        let never = rules.warnings.filter { $0.kind == .neverMatches }
        #expect(never.map(\.message) == (expected.map { [$0] } ?? []))
        #expect(never.allSatisfy { $0.line == 1 && $0.column == 9 })
    }

    @Test func unused() throws {
        let text = """
            - list: inner
              items: [a]
            - list: outer
              items: [inner]
            - list: lonely
              items: [b]
            - macro: used
              condition: evt.type = open
            - macro: left
              condition: proc.name in (outer)

            """
        #expect(
            try warnings(text + rule("used")) == [
                "5:9 unused: no rule, no macro and no list uses the list `lonely`",
                "9:10 unused: no rule and no macro uses the macro `left`",
            ])
    }

    @Test func slips() throws {
        let text =
            "- list: my_names\n  items: [a]\n"
            + rule("evt.type = open and proc.name = my_names and proc.name in (my_names)")
        #expect(try warnings(text).map { $0.prefix(17) } == ["5:46 structure: `"])
        #expect(
            try warnings(rule("evt.type in (open, opennat)")) == [
                "3:33 unknownName: `opennat` is no event type and never comes; did you mean `openat`?"
            ])
        let asked = "asked at every event, which costs: the condition should name its event types (`evt.type in (…)`)"
        #expect(try warnings(rule("proc.name = x")) == ["1:9 structure: " + asked])
        #expect(try warnings(rule("proc.name = x", more: "  warn_evttypes: false\n")) == [])
        #expect(try warnings(rule("evt.type = open", more: "  capture: true\n  capture_duration: 5\n")).count == 1)
        #expect(try warnings("- list: a b\n  items: []\n- macro: a-b\n  condition: evt.type = open\n").count == 4)
    }

    @Test func fieldsTakenAsTexts() throws {
        let text = rule("evt.type = open and (proc.name = proc.pname or fd.name in (proc.exe, 'proc.exe'))")
        #expect(
            try warnings(text) == [
                "3:47 structure: `proc.pname` is taken as a text here; `val(proc.pname)` compares with the field",
                "3:73 structure: `proc.exe` is taken as a text here; `val(proc.exe)` compares with the field",
            ])
        let old = rule("evt.type = open and evt.dir = <").replacing("output: x", with: "output: x %container.info y")
        #expect(try warnings(old).map { $0.contains("deprecated") } == [true, true])
    }

    @Test(arguments: [
        ("proc.name startwith a", "found `startwith`; did you mean `startswith`?"),
        ("tolwer(proc.name) = a", "found `tolwer`; did you mean `tolower`?"),
        ("proc.nmae = a", "did you mean `proc.name`?"), ("evt.arg.reqest = a", "did you mean `request`?"),
        ("fd.name in (a) an b", "expected `and`, `or`"), ("proc.name like a", "expected an operator, found `like`"),
    ])
    func suggestions(condition: String, hint: String) {
        let error = #expect(throws: RuleErrors.self) { try RuleSet(files: [("f", rule(condition))]) }
        #expect(error?.errors.count == 1 && error?.errors.first?.message.contains(hint) == true)
    }

    @Test func errorsAreSortedAndTold() {
        let first = "- macro: m\n  condition: proc.nam = a\n" + rule("fd.nam = b or m")
        let error = #expect(throws: RuleErrors.self) {
            try RuleSet(files: [("b.yaml", first), ("a.yaml", "- macro: n\n  condition: (a\n- lst: x\n")])
        }
        #expect(
            error?.errors.map { "\($0.file):\($0.line):\($0.column)" } == [
                "b.yaml:2:14", "b.yaml:5:14", "a.yaml:2:16", "a.yaml:3:3",
            ])
        // Who uses what is wrong itself is not told as well.
        let broken = "- macro: m\n  condition: evt.type = open\n  prio: x\n- list: l\n  items: a\n"
        let wrong = #expect(throws: RuleErrors.self) {
            try RuleSet(files: [
                ("f", broken + rule("m and proc.name in l")), ("g", "- list: l\n  items: [b]\n  append: true\n"),
            ])
        }
        #expect(wrong?.errors.map(\.line) == [3, 5])
        let list = #expect(throws: RuleErrors.self) {
            try RuleSet(files: [("f", "- list: shells\n  items: [sh]\n" + rule("shells"))])
        }
        #expect(list?.errors.first?.message == "expected a macro, `shells` is a list: `field in (shells)`")
        let pattern = #expect(throws: RuleErrors.self) { try Samples.ruleSet("fd.name regex '/a(b'") }
        #expect(pattern?.errors.first?.message == "the regular expression, at its byte 3: `(` without `)`")
    }
}

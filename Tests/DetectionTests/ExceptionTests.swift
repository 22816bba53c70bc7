import Detection
import EventModel
import Testing

/// A rule's `exceptions`: what is not told, and what they may look like.
@Suite struct ExceptionTests {
    private static func rule(_ exceptions: String, condition: String = "evt.type = openat or evt.type = open") -> String
    {
        """
        - list: cats
          items: [cat, lion]
        - rule: R
          desc: d
          condition: \(condition)
          output: x
          priority: NOTICE
          exceptions:
        \(exceptions.split(separator: "\n").map { "    " + $0 }.joined(separator: "\n"))

        """
    }

    private func errors(_ text: String) -> [RuleError] {
        do {
            _ = try RuleSet(files: [("f.yaml", text)])
            return []
        } catch { return error.errors }
    }

    private func fires(_ text: String, _ name: String = "/etc/shadow") throws -> Bool {
        let rules = try RuleSet(files: [("f.yaml", text)])
        return !Samples.names(rules, Samples.open(name), Samples.inside()).isEmpty
    }

    /// The process is `cat`, its parent `sh`, its arguments `x`.
    @Test(arguments: [
        ("- name: e\n  fields: proc.name\n  values: [cat]", false),
        ("- name: e\n  fields: proc.name\n  values: [dog]", true),
        ("- name: e\n  fields: proc.name\n  values: []", true),
        ("- name: e\n  fields: proc.name", true),
        ("- name: e\n  fields: proc.name\n  values: [cats]", false),
        ("- name: e\n  fields: fd.name\n  comps: pmatch\n  values: [/etc]", false),
        ("- name: e\n  fields: fd.name\n  comps: startswith anyof\n  values: [/x, /etc/]", false),
        ("- name: e\n  fields: fd.name\n  comps: startswith oneof\n  values: [/etc, /etc/]", true),
        ("- name: e\n  fields: tolower(proc.name)\n  values: [cat]", false),
        ("- name: e\n  fields: [proc.name, proc.pname]\n  values:\n    - [cat, sh]", false),
        ("- name: e\n  fields: [proc.name, proc.pname]\n  values:\n    - [cat, bash]\n    - [dog, sh]", true),
        ("- name: e\n  fields: [proc.name, proc.pname]\n  values:\n    - [dog, sh]\n    - [cat, sh]", false),
        (
            "- name: e\n  fields: [proc.name, fd.name]\n  comps: [in, startswith]\n  values:\n    - [[dog, cat], /etc]",
            false
        ),
        ("- name: e\n  fields: [proc.name, fd.name]\n  comps: [in, =]\n  values:\n    - [cats, /etc/shadow]", false),
        (
            "- name: e\n  fields: [proc.name, fd.name]\n  comps: [in, =]\n  values:\n    - ['(dog, cat)', /etc/shadow]",
            false
        ),
        ("- name: e\n  fields: [proc.name]\n  comps: ['!=']\n  values:\n    - [dog]", false),
        ("- name: e\n  fields: [proc.cmdline]\n  values:\n    - [cat x]", false),
        ("- name: e\n  fields: [proc.cmdline]\n  values:\n    - ['\"cat x\"']", false),
        ("- name: e\n  fields: [fd.name]\n  comps: ['  startswith  oneof ']\n  values:\n    - [[/etc, /x]]", false),
        // Each exception by itself, and a field that is missing excepts nothing.
        ("- name: e\n  fields: proc.name\n  values: [dog]\n- name: f\n  fields: proc.pname\n  values: [sh]", false),
        ("- name: e\n  fields: k8s.pod.name\n  values: [web]", true),
        ("- name: e\n  fields: [k8s.pod.name]\n  comps: ['!=']\n  values:\n    - [web]", true),
    ])
    func meaning(exceptions: String, expected: Bool) throws {
        #expect(try fires(Self.rule(exceptions)) == expected)
    }

    @Test func appended() throws {
        let base = Self.rule("- name: e\n  fields: proc.name\n  values: [dog]\n- name: f\n  fields: [proc.pname]")
        for more in [
            "- rule: R\n  exceptions:\n    - {name: e, values: [cat]}\n  append: true\n",
            "- rule: R\n  exceptions:\n    - {name: e, values: [cats]}\n  override: {exceptions: append}\n",
            "- rule: R\n  exceptions:\n    - {name: f, values: [[sh]]}\n  override: {exceptions: append}\n",
            "- rule: R\n  exceptions:\n    - {name: n, fields: proc.pname, values: [sh]}\n  override: {exceptions: append}\n",
            "- rule: R\n  exceptions:\n    - {name: n, fields: proc.pname, values: [sh]}\n  override: {exceptions: replace}\n",
        ] {
            #expect(try fires(base))
            #expect(try !fires(base + more), "\(more)")
        }
        let replaced = "- rule: R\n  exceptions: []\n  override: {exceptions: replace}\n"
        #expect(try fires(Self.rule("- name: e\n  fields: proc.name\n  values: [cat]") + replaced))
        for more in [
            "- {name: absent, values: [cat]}", "- {name: e, fields: proc.name, values: [cat]}",
            "- {name: e, comps: in, values: [cat]}",
        ] {
            let text = base + "- rule: R\n  exceptions:\n    \(more)\n  override: {exceptions: append}\n"
            #expect(errors(text).map(\.line) == [16], "\(more)")
        }
    }

    @Test(arguments: [
        ("- name: e\n  fields: proc.nam\n  values: [a]", "10:15"),
        ("- name: e\n  fields: [proc.name, proc.nam]", "10:27"),
        ("- name: e\n  fields: [proc.name]\n  comps: [likes]\n  values:\n    - [a]", "11:15"),
        ("- name: e\n  fields: proc.name\n  comps: =\n  values: [a]", "11:14"),
        ("- name: e\n  fields: proc.name\n  comps: [in]\n  values: [a]", "9:13"),
        ("- name: e\n  fields: proc.name\n  values:\n    - [a]", "9:13"),
        ("- name: e\n  fields: [proc.name, proc.pname]\n  values:\n    - [a]", "9:13"),
        ("- name: e\n  fields: [proc.name, proc.pname]\n  comps: [=]\n  values:\n    - [a, b]", "9:13"),
        ("- name: e\n  fields: [proc.name]\n  values:\n    - [[a, b]]", "12:13"),
        ("- name: e\n  fields: [proc.pid]\n  values:\n    - [many]", "12:12"),
        ("- name: e\n  values: [a]", "9:13"), ("- fields: proc.name", "9:7"),
        ("- name: e\n  feilds: proc.name", "10:7"),
        ("- e", "9:7"), ("- name: e\n  fields: proc.name\n  values: a", "11:15"),
    ])
    func errors(exceptions: String, place: String) {
        #expect(errors(Self.rule(exceptions)).map { "\($0.line):\($0.column)" } == [place])
    }

    @Test func namedTwice() throws {
        let text = Self.rule(
            "- name: e\n  fields: proc.name\n- name: e\n  fields: proc.name", condition: "evt.type = open")
        let warnings = try RuleSet(files: [("f.yaml", text + "- macro: m\n  condition: proc.name in (cats)\n")])
            .warnings
        #expect(warnings.map(\.kind) == [.structure, .unused])
    }
}

import Foundation
import Glibc
import Testing

/// Something wrong in a file, and what is said about it.
struct Mistake: Sendable, CustomTestStringConvertible {
    var name: String
    var text: String
    var line: Int
    var column: Int
    var message: String
    /// As it is shown; the caret is counted from `column`.
    var source: String

    init(_ name: String, _ text: String, _ line: Int, _ column: Int, _ message: String, _ source: String) {
        self.name = name
        self.text = text
        self.line = line
        self.column = column
        self.message = message
        self.source = source
    }

    var testDescription: String { name }

    func report(_ file: String) -> String {
        let caret = String(repeating: " ", count: column - 1) + "^"
        return "\(file):\(line):\(column): error: \(message)\n    \(source)\n    \(caret)\n"
    }
}

/// A wrong configuration stops the start with 78, the place, the line and what was expected.
@Suite struct ConfigurationErrorTests {
    /// Two lines that are right.
    private static let valid = "version: 1\nrules_files: [rules.yaml]\n"

    static let mistakes = [
        Mistake("empty", "", 1, 1, "the file is empty; expected at least 'version: 1'", ""),
        Mistake(
            "comments only", "# nothing\n", 1, 1, "the file is empty; expected at least 'version: 1'", "# nothing"),
        Mistake("a list", "- a\n- b\n", 1, 1, "expected keys and values for the configuration", "- a"),
        Mistake(
            "version missing", "rules_files: [rules.yaml]\n", 1, 1, "'version' is missing; expected 'version: 1'",
            "rules_files: [rules.yaml]"),
        Mistake("version 2", "version: 2\nrules_files: [rules.yaml]\n", 1, 10, "expected 1", "version: 2"),
        Mistake(
            "no rule files", "version: 1\n", 1, 1, "'rules_files' is missing or empty; expected a list of rule files",
            "version: 1"),
        Mistake(
            "unknown key", valid + "audti:\n  enabled: true\n", 3, 1, "unknown key 'audti'; did you mean 'audit'?",
            "audti:"),
        Mistake(
            "unknown key inside", valid + "audit:\n  mod: auto\n", 4, 3, "unknown key 'mod'; did you mean 'mode'?",
            "  mod: auto"),
        Mistake(
            "unknown key two levels inside", valid + "audit:\n  budget:\n    idel: 5\n", 5, 5,
            "unknown key 'idel'; did you mean 'idle'?", "    idel: 5"),
        Mistake("rules: no list", valid + "rules: {x: 1}\n", 3, 8, "expected a list", "rules: {x: 1}"),
        Mistake(
            "rules: neither on nor off", valid + "rules: [enabel: {rule: A}]\n", 3, 9,
            "unknown key 'enabel'; did you mean 'enable'?", "rules: [enabel: {rule: A}]"),
        Mistake(
            "rules: no subject", valid + "rules: [enable: {}]\n", 3, 17,
            "expected 'rule' (a name, `*` for anything) or 'tag'", "rules: [enable: {}]"),
        Mistake(
            "rules: no such rule", valid + "rules: [disable: {rule: Other}]\n", 3, 25,
            "there is no rule 'Other' in the loaded files", "rules: [disable: {rule: Other}]"),
        Mistake(
            "rules: no such tag", valid + "rules: [disable: {tag: T1611}]\n", 3, 24,
            "no rule in the loaded files has the tag 'T1611'", "rules: [disable: {tag: T1611}]"),
        Mistake(
            "rule_matching", valid + "rule_matching: some\n", 3, 16, "expected one of all, first",
            "rule_matching: some"),
        Mistake(
            "append_output: unknown key", valid + "append_output: [{extra_outptu: x}]\n", 3, 18,
            "unknown key 'extra_outptu'; did you mean 'extra_output'?", "append_output: [{extra_outptu: x}]"),
        Mistake(
            "static_fields: no name", valid + "static_fields: {a-b: c}\n", 3, 17,
            "expected a name of letters, digits and _ that begins with a letter", "static_fields: {a-b: c}"),
        Mistake(
            "a key of another section", valid + "metrics:\n  mode: auto\n", 4, 3, "unknown key 'mode'", "  mode: auto"),
        Mistake(
            "a key with its section before it", valid + "audit.mode: auto\n", 3, 1, "unknown key 'audit.mode'",
            "audit.mode: auto"),
        Mistake(
            "a section for a value", valid + "output: text\n", 3, 9, "expected keys and values for output",
            "output: text"),
        Mistake(
            "unknown key of a rule's response", valid + "response:\n  rules:\n    - rul: A\n", 5, 7,
            "unknown key 'rul'; did you mean 'rule'?", "    - rul: A"),
        Mistake(
            "a text for a number", valid + "connector:\n  receive_buffer_mib: lots\n", 4, 23,
            "expected a number from 1 to 256", "  receive_buffer_mib: lots"),
        Mistake(
            "a number below its range", valid + "audit:\n  receive_buffer_mib: 0\n", 4, 23,
            "expected a number from 1 to 1024", "  receive_buffer_mib: 0"),
        Mistake(
            "a number that no integer holds", valid + "audit:\n  budget: {busy: 99999999999999999999}\n", 4, 18,
            "expected a number from 1 to 1000000", "  budget: {busy: 99999999999999999999}"),
        Mistake(
            "a port that is none", valid + "metrics:\n  port: 65536\n", 4, 9, "expected a number from 0 to 65535",
            "  port: 65536"),
        Mistake(
            "a name for an address", valid + "metrics:\n  address: localhost\n", 4, 12,
            "expected an IPv4 or IPv6 address", "  address: localhost"),
        Mistake(
            "an address with a port", valid + "metrics: {address: \"[::1]:9749\"}\n", 3, 20,
            "expected an IPv4 or IPv6 address", "metrics: {address: \"[::1]:9749\"}"),
        Mistake(
            "an unknown key of metrics", valid + "metrics:\n  path: /metrics\n", 4, 3, "unknown key 'path'",
            "  path: /metrics"),
        Mistake(
            "a text for a boolean", valid + "fanotify:\n  enabled: yes\n", 4, 12, "expected true or false",
            "  enabled: yes"),
        Mistake(
            "a choice that is none", valid + "audit:\n  mode: both\n", 4, 9,
            "expected one of auto, unicast, multicast", "  mode: both"),
        Mistake(
            "a text for a list", "version: 1\nrules_files: rules.yaml\n", 2, 14, "expected a list",
            "rules_files: rules.yaml"),
        Mistake(
            "a list for a text", "version: 1\nrules_files: [[a]]\n", 2, 15, "expected a text", "rules_files: [[a]]"),
        Mistake(
            "an empty text", valid + "runtime_directory: \"\"\n", 3, 20, "expected a text", "runtime_directory: \"\""),
        Mistake(
            "a section without keys", valid + "audit:\n", 3, 7, "expected keys and values for audit", "audit:"),
        Mistake("a key that is a list", valid + "? [a, b]\n: c\n", 3, 3, "expected a key", "? [a, b]"),
        Mistake("a key twice", "version: 1\n" + valid, 2, 1, "'version' is there twice", "version: 1"),
        Mistake(
            "a key twice, inside",
            valid + "audit:\n  enabled: true\nfanotify:\n  enabled: true\n  # again\n  \"enabled\" : false\n", 8, 3,
            "'enabled' is there twice", "  \"enabled\" : false"),
        Mistake(
            "a key twice on one line", "{version: 1, version: 1}\n", 1, 2, "'version' is there twice",
            "{version: 1, version: 1}"),
        Mistake(
            "a tab as indentation", "version: 1\nrules_files:\n\t- rules.yaml\n", 3, 1,
            "found character that cannot start any token", " - rules.yaml"),
        Mistake(
            "a quote that does not end", "version: 1\nrules_files: [\"rules.yaml]\naudit:\n  mode: auto\n", 2, 15,
            "found unexpected end of stream while scanning a quoted scalar", "rules_files: [\"rules.yaml]"),
        Mistake(
            "a bracket that does not end", "version: 1\nrules_files: [rules.yaml\n", 2, 14,
            "did not find expected ',' or ']' while parsing a flow sequence", "rules_files: [rules.yaml"),
        Mistake("an alias of nothing", valid + "audit: *a\n", 3, 8, "found undefined alias", "audit: *a"),
        Mistake(
            "two documents", valid + "---\nversion: 1\n", 3, 1,
            "expected a single document in the stream, but found another document", "---"),
        Mistake("a control character", valid + "x: \u{1}\n", 3, 4, "control characters are not allowed", "x:  "),
        Mistake(
            "a NUL in a path", "version: 1\nrules_files: [\"a\\0b\"]\n", 2, 15, "expected a text without NUL",
            "rules_files: [\"a\\0b\"]"),
        Mistake(
            "an escape sequence in a key", valid + "\"un\\e[31mknown\": 1\n", 3, 1, "unknown key 'un\\u001b[31mknown'",
            "\"un\\e[31mknown\": 1"),
        Mistake("lines that end in CR LF", "version: 1\r\nx: 1\r\n", 2, 1, "unknown key 'x'", "x: 1"),
        Mistake("letters of more bytes", valid + "öäü: {x: 1}\n", 3, 1, "unknown key 'öäü'", "öäü: {x: 1}"),
        Mistake(
            "columns behind letters of more bytes", valid + "containers: {runtime_paths: [öä, '']}\n", 3, 34,
            "expected a text", "containers: {runtime_paths: [öä, '']}"),
        Mistake("a byte order mark", "\u{FEFF}version: 2\n", 1, 10, "expected 1", "version: 2"),
        Mistake(
            "a rule file that is not there", "version: 1\nrules_files:\n  - rules.yaml\n  - none.yaml\n", 4, 5,
            "the rule file 'none.yaml': cannot be read: No such file or directory", "  - none.yaml"),
        Mistake(
            "a rule file that is a device", "version: 1\nrules_files: [/dev/null]\n", 2, 15,
            "the rule file '/dev/null': expected a regular file", "rules_files: [/dev/null]"),
    ]

    @Test(arguments: mistakes) func tellsPlaceAndExpectation(_ mistake: Mistake) throws {
        let run = try AgentProgram().run(configuration: mistake.text)
        #expect(run.status == 78)
        #expect(run.output.isEmpty)
        let report = run.errors.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false).last
        #expect(report.map(String.init) == mistake.report("nodeagent.yaml"))
    }

    /// A rule file is found beside the configuration, wherever the agent is started.
    @Test func takesPathsAsRelativeToTheFile() throws {
        let program = try AgentProgram()
        let etc = program.directory.appendingPathComponent("etc")
        try FileManager.default.createDirectory(at: etc, withIntermediateDirectories: true)
        try program.write("version: 1\nrules_files: [sub/none.yaml]\n", to: "etc/nodeagent.yaml")
        let run = try program.run(["run", "--config", "etc/nodeagent.yaml"])
        #expect(run.status == 78)
        #expect(run.errors.contains("etc/nodeagent.yaml:2:15: error: the rule file 'etc/sub/none.yaml': "))
    }

    @Test func tellsOfAFileThatIsNotThere() throws {
        let run = try AgentProgram().run(["run", "--config", "/nonexistent/nodeagent.yaml"])
        #expect(run.status == 78)
        #expect(run.errors.contains("/nonexistent/nodeagent.yaml: error: cannot be read: No such file or directory"))
    }

    /// The default place, where there is nothing on a machine without the package.
    @Test(.enabled(if: !FileManager.default.fileExists(atPath: "/etc/nodeagent")))
    func looksInEtcByItself() throws {
        let run = try AgentProgram().run(["run"])
        #expect(run.status == 78)
        #expect(run.errors.contains("/etc/nodeagent/nodeagent.yaml: error: "))
    }

    @Test func refusesWhatIsNoFile() throws {
        let program = try AgentProgram()
        let fifo = program.directory.appendingPathComponent("fifo").path
        #expect(unsafe mkfifo(fifo, 0o644) == 0)
        for path in [fifo, program.directory.path, "/dev/zero"] {
            let run = try program.run(["run", "--config", path])
            #expect(run.status == 78, "\(path)")
            #expect(run.errors.hasSuffix("\(path): error: expected a regular file\n"), "\(path)")
        }
        try program.write("version: 1\nrules_files: [fifo]\n", to: "nodeagent.yaml")
        let run = try program.run(["run", "--config", "nodeagent.yaml"])
        #expect(run.status == 78)
        #expect(run.errors.contains("nodeagent.yaml:2:15: error: the rule file 'fifo': expected a regular file\n"))
    }

    @Test func refusesAFileOfTwoMegabytes() throws {
        let comments = String(repeating: "# nothing to see here\n", count: 100_000)
        let run = try AgentProgram().run(configuration: Self.valid + comments + "audit: wrong\n")
        #expect(run.status == 78)
        #expect(run.errors.hasSuffix("nodeagent.yaml: error: larger than 1048576 bytes\n"))
    }

    @Test func refusesBytesThatAreNoText() throws {
        let program = try AgentProgram()
        try program.write(Array("version: 1\n# a ".utf8) + [0xE4, 0x0A], to: "nodeagent.yaml")
        let run = try program.run(["run", "--config", "nodeagent.yaml"])
        #expect(run.status == 78)
        #expect(run.errors.contains("nodeagent.yaml:2:5: error: expected UTF-8\n"))
    }

    /// Ten times ten times ten …, and as a key, which Yams compares element by element.
    @Test(arguments: ["x: *a11\n", "? *a11\n: 1\n"]) func isNotBlownUpByAliases(_ end: String) throws {
        var text = "version: 1\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1..<12 {
            let alias = "*a\(level - 1)"
            text += "a\(level): &a\(level) [\(Array(repeating: alias, count: 10).joined(separator: ", "))]\n"
        }
        let run = try AgentProgram().run(configuration: text + end)
        #expect(run.status == 78)
        #expect(run.errors.contains(": error: more than 32 aliases\n"))
    }

    @Test(arguments: ["[", "{a: ", "- "]) func isNotBroughtDownByNesting(_ opening: String) throws {
        let run = try AgentProgram().run(configuration: "a: " + String(repeating: opening, count: 200_000))
        #expect(run.status == 78)
        #expect(run.errors.contains(": error: "))
    }

    /// One line of a megabyte is not a megabyte of message.
    @Test func showsOfALongLineThePartThatMatters() throws {
        let run = try AgentProgram().run(
            configuration: "{version: 1, containers: {runtime_paths: [\(String(repeating: "a, ", count: 200_000))[]]}}")
        #expect(run.status == 78)
        #expect(run.errors.utf8.count < 1000)
        let lines = run.errorLines
        let caret = try #require(lines.last).prefix { $0 == " " }.count
        #expect(lines[lines.count - 2].dropFirst(caret).hasPrefix("[]]"))
    }
}

/// A wrong rule file does the same, for its own lines.
@Suite struct RuleFileErrorTests {
    private static let head = "- rule: A\n  desc: d\n"
    private static let tail = "  output: o\n  priority: WARNING\n"

    static let mistakes = [
        Mistake(
            "a bracket that is not closed",
            head + "  condition: evt.type = open and (proc.name = x\n" + tail, 3, 48,
            "expected `and`, `or` or `)`, found the end", "  condition: evt.type = open and (proc.name = x"),
        Mistake(
            "a misspelt field", head + "  condition: evt.type = open and proc.nam = x\n" + tail, 3, 34,
            "expected a field, found `proc.nam`, which is not known; did you mean `proc.name`?",
            "  condition: evt.type = open and proc.nam = x"),
        Mistake(
            "an unknown field", head + "  condition: evt.type = open and foo.bar = x\n" + tail, 3, 34,
            "expected a field, found `foo.bar`, which is not known", "  condition: evt.type = open and foo.bar = x"),
        Mistake(
            "a misspelt key", head + "  condtion: evt.type = open\n" + tail, 3, 3,
            "`condtion` is no key of a rule; did you mean `condition`?", "  condtion: evt.type = open"),
        Mistake(
            "an operator too many in a folded condition",
            head + "  condition: >\n    evt.type = open\n    and proc.name == = x\n" + tail, 5, 22, "expected a value",
            "    and proc.name == = x"),
        Mistake(
            "an unknown field in the output",
            head + "  condition: evt.type = open\n  output: \"%foo.bar\"\n  priority: WARNING\n", 4, 13,
            "expected a field, found `foo.bar`, which is not known", "  output: \"%foo.bar\""),
        Mistake("no YAML", "\t- rule: A\n", 1, 1, "found character that cannot start any token", " - rule: A"),
        Mistake(
            "no list", "rule: A\n", 1, 1, "expected a list of items: `- rule: …`, `- macro: …`, `- list: …`", "rule: A"),
    ]

    @Test(arguments: mistakes) func tellsPlaceAndExpectation(_ mistake: Mistake) throws {
        let run = try AgentProgram().run(
            configuration: "version: 1\nrules_files: [rules.yaml]\n", rules: mistake.text)
        #expect(run.status == 78)
        #expect(run.output.isEmpty)
        #expect(run.errors == "nodeagent: the rules are invalid\n" + mistake.report("rules.yaml"))
    }

    @Test func tellsEveryMistakeOfAllFiles() throws {
        let program = try AgentProgram()
        try program.write("- rule: B\n  desc: d\n  condition: foo.bar = x\n" + Self.tail, to: "second.yaml")
        let run = try program.run(
            configuration: "version: 1\nrules_files: [rules.yaml, second.yaml]\n",
            rules: Self.mistakes[2].text + Self.mistakes[3].text)
        #expect(run.status == 78)
        #expect(
            run.errorLines.filter { $0.contains(": error: ") }.map { $0.prefix { $0 != " " } }
                == ["rules.yaml:3:34:", "rules.yaml:8:3:", "second.yaml:3:14:"])
    }

    @Test func refusesBytesThatAreNoText() throws {
        let program = try AgentProgram()
        try program.write("version: 1\nrules_files: [latin1.yaml]\n", to: "nodeagent.yaml")
        try program.write(Array("# caf".utf8) + [0xE9, 0x0A], to: "latin1.yaml")
        let run = try program.run(["run", "--config", "nodeagent.yaml"])
        #expect(run.status == 78)
        #expect(run.errors.contains("latin1.yaml:1:6: error: expected UTF-8\n"))
    }
}

import Detection
import Testing

/// Where errors point, in each way of writing a condition.
@Suite struct RuleErrorTests {
    private func errors(_ text: String) -> [RuleError] {
        do {
            _ = try RuleSet(files: [("f.yaml", text)])
            return []
        } catch {
            return error.errors
        }
    }

    private func rule(_ condition: String, output: String = "x") -> String {
        "- rule: R\n  desc: d\n  condition: \(condition)\n  output: \(output)\n  priority: NOTICE\n"
    }

    private func places(_ text: String) -> [String] { errors(text).map { "\($0.line):\($0.column)" } }

    @Test(arguments: [
        ("proc.nam = x", ["3:14"]),
        ("'proc.name = ''x'' and proc.nam = x'", ["3:37"]),
        (#""proc.name = \"\u00e4\" and proc.nam = x""#, ["3:42"]),
        (">\n    proc.name = x and\n    proc.nam = x\n", ["5:5"]),
        (">\n    proc.name = x and\n\n      é.x or\n    proc.nam = x\n", ["6:7"]),
        ("|\n    proc.name = x and\n      proc.nam = x\n", ["5:7"]),
        (">-\n    proc.name = x and\n    proc.pid = many or evt.res > 1 or a\n", ["5:16", "5:32", "5:39"]),
        ("proc.name = x and\n    proc.nam = x", ["4:5"]),
        ("\"proc.name = x and \\\n    proc.nam = x\"", ["4:5"]),
        ("> # comment\n    (proc.name = x and\n", ["4:23"]),
    ])
    func placesInScalars(condition: String, expected: [String]) {
        #expect(places(rule(condition)) == expected)
    }

    @Test func descriptionHasLineAndCaret() throws {
        let error = try #require(errors(rule(">\n    proc.name = x and\n    proc.nam = y")).first)
        #expect(
            error.description == """
                f.yaml:5:5: error: expected a field, found `proc.nam`, which is not known; did you mean `proc.name`?
                        proc.nam = y
                        ^
                """)
        #expect(error.kind == .unknownName)
    }

    @Test(arguments: [
        ("evt.failed = maybe", RuleError.Kind.type), ("evt.failed > 1", .syntax), ("evt.failed contains t", .type),
        ("proc.pid = cat", .type), ("proc.pid = 1.5", .type), ("proc.pid = 99999999999999999999", .type),
        ("proc.pid startswith 1", .type), ("proc.name < 5", .type), ("evt.failed < 5", .type),
        ("fd.name regex '(a'", .syntax), ("fd.name bcontains 0a", .type), ("fd.name bstartswith 0a", .type),
        ("tolower(proc.pid) = a", .type), ("fd.name = val(proc.pid)", .type),
        ("fd.name pmatch val(proc.name)", .type), ("fd.num = toupper(proc.name)", .type),
        ("proc.pid = anyof (1, b)", .type), ("proc.aname = val(proc.name)", .type),
        ("len(proc.aname) = 1", .type), ("unknown_macro", .unknownName),
        ("fd.name in unknown_list", .unknownName), ("proc.name[1] = a", .structure),
        ("proc.aname[x] = a", .structure), ("proc.aname[-1] = a", .structure),
    ])
    func compileErrors(condition: String, kind: RuleError.Kind) {
        let found = errors(rule(condition))
        #expect(found.count == 1)
        // `evt.failed > 1` parses; its operator does not fit the type.
        #expect(found.first?.kind == (condition == "evt.failed > 1" ? .type : kind))
    }

    @Test func macrosAndLists() {
        // As in Falco a rule sees all macros, a macro only those before it.
        #expect(places(rule("m") + "- macro: m\n  condition: evt.failed = true\n") == [])
        let later = "- macro: n\n  condition: m\n- macro: m\n  condition: evt.failed = true\n" + rule("n")
        #expect(places(later) == ["2:14"])
        let typo = "- macro: container_started\n  condition: evt.type = container\n" + rule("container_startd")
        #expect(errors(typo).first?.message.contains("`container_started`") == true)
        let inMacro = "- macro: m\n  condition: proc.nam = a\n" + rule("m and m")
        #expect(places(inMacro) == ["2:14"])
        let toItself =
            "- macro: a\n  condition: evt.failed = true\n- macro: b\n  condition: a\n"
            + "- macro: a\n  condition: b\n" + rule("a")
        #expect(!errors(toItself).isEmpty)
        var bomb = "- macro: m0\n  condition: evt.failed = true\n"
        for level in 1...40 { bomb += "- macro: m\(level)\n  condition: m\(level - 1) and m\(level - 1)\n" }
        #expect(!errors(bomb).isEmpty)
        let listBomb = (1...40).reduce("- list: l0\n  items: [a, b]\n") { text, level in
            text + "- list: l\(level)\n  items: [l\(level - 1), l\(level - 1)]\n"
        }
        #expect(!errors(listBomb + rule("fd.name in (l40)")).isEmpty)
        let patterns = (0..<150).map { "fd.name regex '[ab]{900}\($0)'" }.joined(separator: " or ")
        #expect(errors(rule(patterns)).map(\.kind) == [.structure])
    }

    @Test(arguments: [
        ("- rule: R\n  desc: d\n  condition: evt.failed = true\n  output: x\n", "1:3"),
        ("- rule: R\n  enabeld: false\n", "2:3"),
        ("- rle: R\n", "1:3"),
        ("rule: R\n", "1:1"),
        ("- list: l\n  items: a\n", "2:10"),
        ("- list: l\n  items: [[a]]\n", "2:11"),
        ("- macro: m\n  condition: [a]\n", "2:14"),
        ("- macro: m\n  condition: evt.failed = true\n  append: true\n", "1:10"),
        ("- rule: R\n  override: {}\n", "2:13"),
        ("- required_engine_version: 99.0.0\n", "1:28"),
        ("- required_engine_version: new\n", "1:28"),
        ("- rule: absent\n  enabled: false\n", "1:9"),
        ("- rule: [\n", "2:1"),
        ("- list: a\n  list: b\n", "1:3"),
        ("- 5\n", "1:3"),
    ])
    func structure(text: String, place: String) {
        #expect(places(text) == [place])
    }

    @Test func outputIsChecked() {
        #expect(places(rule("evt.failed = true", output: "a %proc.nam b")) == ["4:14"])
        #expect(places(rule("evt.failed = true", output: "\"100%\"")) == ["4:15"])
        #expect(places(rule("evt.failed = true", output: ">\n    a\n    %proc.aname[x]\n")) == ["6:6"])
        #expect(places(rule("evt.failed = true", output: "a %toupper(proc.nam)")) == ["4:22"])
        #expect(places(rule("evt.failed = true", output: "a %99999proc.name")) == ["4:14"])
    }

    @Test func anchorsCannotExplode() {
        var text = "- list: l\n  items: &a0 [a, a]\n"
        for level in 1...30 { text += "- ? &a\(level) [*a\(level - 1), *a\(level - 1)]\n  : x\n" }
        #expect(!errors(text).isEmpty)
        #expect(!errors(String(repeating: "[", count: 100_000)).isEmpty)
        #expect(!errors(String(repeating: "- ", count: 100_000)).isEmpty)
    }

    /// Mutations of a real file: an error or a rule set, never a trap, and each error in the file.
    @Test(arguments: ["folded.yaml", "language.yaml"]) func mutatedFiles(name: String) throws {
        let original = Array(try TestFiles.ofRepository("Fuzz/corpus/rules/\(name)").utf8)
        var random = SeededGenerator(seed: 2)
        for _ in 0..<2_000 {
            var bytes = original
            for _ in 0..<(1 + random.next() % 4) {
                let place = Int(random.next() % UInt64(bytes.count))
                switch random.next() % 3 {
                case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
                case 1: bytes.remove(at: place)
                default: bytes.insert(random.pick(Array("()[]{}:-&*|>'\"\n %\\".utf8)), at: place)
                }
            }
            let lines = bytes.count { $0 == 0x0A || $0 == 0x0D } + 8
            for error in errors(String(decoding: bytes, as: UTF8.self)) {
                #expect(error.line >= 1 && error.line <= lines && error.column >= 1)
            }
        }
    }
}

import Detection
import Testing

/// A condition with every group in parentheses.
func shape(_ condition: Condition) -> String {
    switch condition {
    case .and(let terms): "(" + terms.map(shape).joined(separator: " & ") + ")"
    case .or(let terms): "(" + terms.map(shape).joined(separator: " | ") + ")"
    case .not(let term): "!" + shape(term)
    case .macro(let name, _): name
    case .check(let check): "[" + check.comparison.rawValue + "]"
    }
}

@Suite struct ConditionParserTests {
    @Test(arguments: [
        ("a and b or c and d", "((a & b) | (c & d))"),
        ("a and (b or c) and d", "(a & (b | c) & d)"),
        ("not a and not not b", "(!a & b)"),
        ("not not not a", "!a"),
        ("not(a or b)and(c)", "(!(a | b) & c)"),
        ("  a\n\tor\n b  ", "(a | b)"),
        ("nothing or android or orange", "(nothing | android | orange)"),
        ("proc.name=cat and c", "([=] & c)"),
        ("evt.num <= -5 or evt.num >= 0x1f", "([<=] | [>=])"),
        ("fd.name in (/a, \"b c\", 'd') and fd.name in list", "([in] & [in])"),
        ("fd.name pmatch () or fd.name intersects(a)", "([pmatch] | [intersects])"),
        ("proc.aname[2] exists and proc.x[\"a b\"] = 1", "([exists] & [=])"),
        ("tolower(proc.name) = val(proc.pname)", "[=]"),
        ("join(\"/\", (proc.name, 'x'))[1] != concat(a.b, len(c.d), 5, ())", "[!=]"),
        ("fd.name contains anyof (a, b) and fd.name = oneof", "([contains] & [=])"),
        ("fd.name contains anyof list or fd.name = oneof and a", "([contains] | ([=] & a))"),
        ("proc.name == x or fd.name regex 'a.*' or fd.name bcontains 0a", "([=] | [regex] | [bcontains])"),
        ("proc.name glob *.sh or proc.name iglob [a-z]?", "([glob] | [iglob])"),
    ])
    func precedence(text: String, expected: String) throws {
        #expect(try shape(ConditionParser.parse(text)) == expected)
    }

    @Test(arguments: [
        ("", 0), ("a and", 2), ("a b", 2), ("(a", 2), ("a)", 1), ("and", 0), ("a.b", 3), ("a.b =", 5), ("a. = 1", 2),
        ("a.b < x", 6), ("a.b in (a b)", 10), ("a.b in (a,", 10), ("a.b = \"x", 6), ("a.b[", 4), ("a.b[1 = 2", 5),
        ("a.b = (x)", 6), ("not", 0), ("a or or b", 5), ("val(a.b) = 1", 3), ("a.b = val(x)", 11),
        ("a.b = tolower(", 14),
        ("a.b contains anyof x y", 21), ("a.b contains anyof (x", 21), ("a-b", 1), ("1", 0), ("a.b ! c", 4),
    ])
    func syntaxErrors(text: String, offset: Int) {
        let error = #expect(throws: ConditionSyntaxError.self) { try ConditionParser.parse(text) }
        #expect(error?.offset == offset, "\(text): \(error?.message ?? "")")
        #expect(error?.message.isEmpty == false)
    }

    @Test func quotedStrings() throws {
        let text = #"a.b in ("x\"y", 'it\'s', "t\tn\n", "\d\\", "")"#
        guard case .check(let check) = try ConditionParser.parse(text), case .list(let values) = check.right else {
            Issue.record("no list")
            return
        }
        #expect(values.map(\.text) == ["x\"y", "it's", "t\tn\n", #"\d\"#, ""])
    }

    @Test(arguments: ["(", "not (", "a.b = tolower(", "tolower(", "join((", "a and ("])
    func depthBomb(piece: String) {
        let bomb = String(repeating: piece, count: 100_000)
        #expect(throws: ConditionSyntaxError.self) { try ConditionParser.parse(bomb) }
        let closed = String(repeating: "(", count: 100_000) + "a" + String(repeating: ")", count: 100_000)
        #expect(throws: ConditionSyntaxError.self) { try ConditionParser.parse(closed) }
    }

    @Test func longButFlat() throws {
        let long = Array(repeating: "a.b = c", count: 20_000).joined(separator: " or ")
        #expect(try shape(ConditionParser.parse(long)).utf8.count == 20_000 * 6 - 1)
        let nots = String(repeating: "not ", count: 100_000) + "a"
        #expect(try shape(ConditionParser.parse(nots)) == "a")
        let nested = String(repeating: "(", count: 150) + "a" + String(repeating: ")", count: 150)
        #expect(try shape(ConditionParser.parse(nested)) == "a")
    }

    /// Random bytes and random words: a condition or an error whose place lies in the text, never a trap.
    @Test func randomInput() {
        var random = SeededGenerator(seed: 1)
        let words = [
            "and", "or", "not", "(", ")", " ", "proc.name", "=", "!=", "in", ",", "\"", "'", "\\", "[", "]", "exists",
            "tolower(", "val(", "anyof", "1", "-", "é", "\n", "<=", "a", ".", "glob",
        ]
        for round in 0..<20_000 {
            let count = Int(random.next() % 40)
            let text =
                if round % 2 == 0 {
                    String(decoding: (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }, as: UTF8.self)
                } else {
                    (0..<count).map { _ in random.pick(words) + (random.next() % 2 == 0 ? " " : "") }.joined()
                }
            do {
                _ = try ConditionParser.parse(text)
            } catch {
                #expect((0...text.utf8.count).contains(error.offset))
            }
        }
    }
}

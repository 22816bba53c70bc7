import Detection
import Testing

/// The engine behind `regex`: whole texts, RE2's syntax, linear.
@Suite struct BytePatternTests {
    private func matches(_ pattern: String, _ text: String) throws -> Bool {
        try BytePattern(pattern).matches(Array(text.utf8).span)
    }

    @Test(arguments: [
        ("a", "a", true), ("a", "b", false), ("a", "ab", false), ("a", "ba", false), ("", "", true), ("", "a", false),
        ("abc", "abc", true), ("a|b", "b", true), ("a|", "", true), ("(a|bc)d", "bcd", true), ("(a|bc)d", "bd", false),
        ("a*", "", true), ("a*", "aaaa", true), ("a*", "aab", false), ("a+", "", false), ("a+", "aa", true),
        ("a?b", "b", true), ("a?b", "aab", false), ("(ab)+", "abab", true), ("(ab)+", "aba", false),
        ("a{3}", "aaa", true), ("a{3}", "aa", false), ("a{3}", "aaaa", false), ("a{2,}", "aaaaa", true),
        ("a{2,}", "a", false), ("a{1,3}", "aaa", true), ("a{1,3}", "aaaa", false), ("a{0}", "", true),
        ("a{0}b", "b", true), ("a{,3}", "a{,3}", true), ("a{x}", "a{x}", true), ("(a?){3}", "aa", true),
        ("a*?b+?", "aabb", true), (".*", "any thing", true), (".", "\n", false), ("a.c", "abc", true),
        ("[abc]+", "cab", true), ("[^abc]+", "xyz", true), ("[^abc]+", "xay", false), ("[a-f0-9]+", "d00d", true),
        ("[]a]+", "]a", true), ("[^]a]", "]", false), ("[a-]+", "a-", true), ("[-a]", "-", true),
        ("[\\d_]+", "1_2", true),
        ("[[:alpha:]]+", "abC", true), ("[[:^digit:]]+", "ab1", false), ("[[:xdigit:]]+", "fF9", true),
        ("[a\\]b]+", "a]b", true), ("\\d+", "0123", true), ("\\D+", "a1", false), ("\\w+", "a_1Z", true),
        ("\\w", "-", false), ("\\W", "-", true), ("\\s\\S", " x", true), ("\\.", ".", true), ("\\.", "x", false),
        ("\\x41\\t", "A\t", true), ("(?i)abc", "aBC", true), ("(?i)[a-c]+", "ABC", true), ("a(?i)b", "aB", true),
        ("a(?i)b", "AB", false), ("(?i:a)b", "Ab", true), ("(?i:a)b", "AB", false), ("(?:ab)*c", "ababc", true),
        ("(?P<name>x)y", "xy", true), ("^a$", "a", true), ("(^a|^b)c$", "bc", true), ("^$", "", true),
        ("^*a", "a", true),
        ("é+", "éé", true), ("é+", "é\u{A9}", false), ("[aé]", "é", true),
        ("/proc/\\d+/environ", "/proc/12/environ", true),
        ("/proc/\\d+/environ", "/proc/self/environ", false), ("(a*)*", "aaa", true), ("((a|b)*c)+", "abcbc", true),
        ("(|a)+b", "aab", true), ("()b", "b", true),
    ])
    func meaning(pattern: String, text: String, expected: Bool) throws {
        #expect(try matches(pattern, text) == expected)
    }

    @Test(arguments: [
        ("(a", 0), ("a)", 1), ("[a", 0), ("*a", 0), ("a|+", 2), ("\\", 0), ("\\b", 0), ("(a)\\1", 3), ("a{2,1}", 1),
        ("a{1001}", 1), ("[z-a]", 1), ("\\xg0", 0), ("(?=a)", 0), ("(?<!a)b", 0), ("(?x)a", 0), ("[[:nope:]]", 1),
        ("a^b", 0), ("a$b", 0), ("(a$)b", 0), ("[é-ü]", 1), ("[^é]", 2), ("(?P<n", 0), ("a**", 2), ("a+{2}", 2),
    ])
    func errors(pattern: String, offset: Int) {
        let error = #expect(throws: PatternError.self) { try BytePattern(pattern) }
        #expect(error?.offset == offset && error?.message.isEmpty == false, "\(pattern): \(error?.message ?? "")")
    }

    /// Sizes are refused before anything is built.
    @Test(arguments: ["a{961}", "((a{100}){100}){100}", "(((((a{1000}){1000}){1000}){1000}){1000})*"])
    func tooLarge(pattern: String) {
        #expect(throws: PatternError.self) { try BytePattern(pattern) }
    }

    @Test func nestingIsBounded() {
        #expect(throws: PatternError.self) { try BytePattern(String(repeating: "(", count: 100_000)) }
        let deep = String(repeating: "(", count: 100_000) + "a" + String(repeating: ")", count: 100_000)
        #expect(throws: PatternError.self) { try BytePattern(deep) }
        #expect(throws: PatternError.self) { try BytePattern(String(repeating: "a", count: 10_000)) }
        #expect(throws: Never.self) { try BytePattern(String(repeating: "()", count: 4_000)) }
        #expect(throws: Never.self) { try BytePattern(String(repeating: "(((){1000}){1000}){1000}", count: 10)) }
        #expect(throws: PatternError.self) { try BytePattern("a" + String(repeating: "*", count: 100_000)) }
    }

    /// A backtracking engine does not end with these; here twice the text takes twice the time.
    @Test(arguments: ["(a*)*b", "(a|aa)+b", "(a|a)*c", "(.*)(.*)(.*)(.*)x", "((a?){30}a{30})*b"])
    func linearInTheText(pattern: String) throws {
        let compiled = try BytePattern(pattern)
        let size = pattern.utf8.count > 15 ? 64 * 1024 : 1024 * 1024
        var isMatched = false
        func time(_ count: Int) -> Duration {
            let text = [UInt8](repeating: UInt8(ascii: "a"), count: count)
            return (0..<2).map { _ in ContinuousClock().measure { isMatched = compiled.matches(text.span) || isMatched }
            }.min() ?? .zero
        }
        let (half, whole) = (time(size / 2), time(size))
        #expect(whole < half * 4 + .milliseconds(50), "\(half) for half, \(whole) for all")
        #expect(whole < .seconds(10) && !isMatched)
    }

    /// Random patterns against the standard library's backtracking matcher.
    @Test func agreesWithBacktracking() throws {
        var random = SeededGenerator(seed: 7)
        func pattern(_ depth: Int) -> String {
            switch depth == 0 ? random.next() % 3 : random.next() % 7 {
            case 0: return "a"
            case 1: return "b"
            case 2: return "[ab]"
            case 3: return pattern(depth - 1) + pattern(depth - 1)
            case 4: return "(" + pattern(depth - 1) + "|" + pattern(depth - 1) + ")"
            case 5: return "(" + pattern(depth - 1) + ")" + random.pick(["*", "+", "?", "{2}", "{1,2}", "{2,}"])
            default: return "(" + pattern(depth - 1) + ")"
            }
        }
        for _ in 0..<300 {
            let text = pattern(4)
            let compiled = try BytePattern(text)
            let other = try Regex(text)
            for _ in 0..<20 {
                let subject = (0..<Int(random.next() % 7)).map { _ in random.pick(Array("ab".utf8)) }
                let word = String(decoding: subject, as: UTF8.self)
                let isMatched = compiled.matches(subject.span)
                #expect(isMatched == (word.wholeMatch(of: other) != nil), "\(text) \(word)")
            }
        }
    }
}

import Detection
import Yams

/// A YAML file that an operator wrote, and its values: each is checked where it stands, so that the message can say the
/// line.
struct YAMLDocument {
    private let file: String
    private let lines: [Substring]
    /// Nil for an empty file.
    let root: Node?

    private static let maximumBytes = 1 << 20
    /// An alias may name what names other aliases: the document grows by multiplication. Ours needs none.
    private static let maximumAliases = 32

    /// - Throws: `ConfigurationError`; a file that cannot be read is one as well, without a line.
    static func read(_ file: String) throws(ConfigurationError) -> YAMLDocument {
        try YAMLDocument(text: TextFile.read(file, limit: maximumBytes), file: file)
    }

    init(text: String, file: String) throws(ConfigurationError) {
        // Lines end where libyaml ends them, or its line numbers would not be ours.
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        let unread = YAMLDocument(file: file, lines: lines, root: nil)
        try unread.checkAliases()
        do {
            self.init(file: file, lines: lines, root: try Yams.compose(yaml: text))
        } catch let error as YamlError {
            throw unread.error(error, in: text)
        } catch {
            throw unread.error(line: 1, column: 1, "\(error)")
        }
    }

    private init(file: String, lines: [Substring], root: Node?) {
        self.file = file
        self.lines = lines
        self.root = root
    }

    /// The document, which must not be empty.
    func mapping(_ expected: String) throws(ConfigurationError) -> Node {
        guard let root else { throw error(line: 1, column: 1, "the file is empty; expected at least '\(expected)'") }
        return root
    }

    // MARK: Values

    /// Goes through a mapping; `take` returns false for a key it does not know, and the nearest of `keys` is then named.
    func section(
        _ node: Node, _ name: String, keys: [String] = [], _ take: (String, Node) throws(ConfigurationError) -> Bool
    ) throws(ConfigurationError) {
        guard let mapping = node.mapping else { throw error(node, "expected keys and values for \(name)") }
        var seen: Set<String> = []
        for (key, value) in mapping {
            guard let name = key.string else { throw error(key, "expected a key") }
            guard seen.insert(name).inserted else { throw error(key, "'\(name)' is there twice") }
            guard try take(name, value) else {
                let near = Suggestion.nearest(to: name, among: keys).map { "; did you mean '\($0)'?" } ?? ""
                throw error(key, "unknown key '\(name)'\(near)")
            }
        }
    }

    func string(_ node: Node) throws(ConfigurationError) -> String {
        guard let text = node.scalar?.string, !text.isEmpty else { throw error(node, "expected a text") }
        // A path ends at a NUL for the kernel.
        guard !text.utf8.contains(0) else { throw error(node, "expected a text without NUL") }
        return text
    }

    func strings(_ node: Node) throws(ConfigurationError) -> [String] {
        guard let sequence = node.sequence else { throw error(node, "expected a list") }
        var texts: [String] = []
        for element in sequence { texts.append(try string(element)) }
        return texts
    }

    func integer(_ node: Node, _ range: ClosedRange<Int>) throws(ConfigurationError) -> Int {
        guard let value = node.scalar.flatMap({ Int($0.string) }), range.contains(value) else {
            let expected =
                range.count == 1 ? "\(range.lowerBound)" : "a number from \(range.lowerBound) to \(range.upperBound)"
            throw error(node, "expected \(expected)")
        }
        return value
    }

    func boolean(_ node: Node) throws(ConfigurationError) -> Bool {
        switch node.scalar?.string {
        case "true": return true
        case "false": return false
        default: throw error(node, "expected true or false")
        }
    }

    func choice<T: RawRepresentable & CaseIterable>(
        _ node: Node
    ) throws(ConfigurationError) -> T where T.RawValue == String {
        guard let value = node.scalar.flatMap({ T(rawValue: $0.string) }) else {
            throw error(node, "expected one of \(T.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return value
    }

    /// A path in the file is relative to the file.
    func path(_ text: String) -> String {
        if text.hasPrefix("/") { return text }
        guard let slash = file.lastIndex(of: "/") else { return text }
        return file[...slash] + text
    }

    // MARK: Errors

    func place(of node: Node) -> ConfigurationPlace {
        place(line: node.mark?.line ?? 1, column: node.mark?.column ?? 1)
    }

    private func place(line: Int, column: Int) -> ConfigurationPlace {
        let text = lines.indices.contains(line - 1) ? String(lines[line - 1]) : ""
        return ConfigurationPlace(file: file, line: line, column: column, text: text)
    }

    func error(_ node: Node, _ message: String) -> ConfigurationError {
        ConfigurationError(place(of: node), message)
    }

    private func error(line: Int, column: Int, _ message: String) -> ConfigurationError {
        ConfigurationError(place(line: line, column: column), message)
    }

    /// Every `*` that a name follows counts, wherever it stands: to tell aliases from text is the parser's work, and that
    /// would have made the document by then.
    private func checkAliases() throws(ConfigurationError) {
        var count = 0
        for (index, line) in lines.enumerated() {
            var previous: Unicode.Scalar = " "
            for (column, scalar) in line.unicodeScalars.enumerated() {
                let isName =
                    scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) || "_-".contains(Character(scalar))
                if previous == "*", isName { count += 1 }
                guard count <= Self.maximumAliases else {
                    throw error(line: index + 1, column: column, "more than \(Self.maximumAliases) aliases")
                }
                previous = scalar
            }
        }
    }

    private func error(_ error: YamlError, in text: String) -> ConfigurationError {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _):
            // Where the text ends too soon, what it cuts off began elsewhere.
            if let context, isAtEnd(mark) {
                return self.error(line: context.mark.line, column: context.mark.column, "\(problem) \(context.text)")
            }
            return self.error(line: mark.line, column: mark.column, problem)
        case .composer(let context, let problem, let mark, _):
            return self.error(
                line: mark.line, column: mark.column, context.map { "\($0.text), \(problem)" } ?? problem)
        case .reader(let problem, let offset, _, _):
            let before = text.prefix(offset ?? 0).split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
            return self.error(
                line: before.count, column: (before.last?.unicodeScalars.count ?? 0) + 1, problem)
        case .duplicatedKeysInMapping(let duplicates, let context):
            let name = duplicates.sorted().first ?? ""
            return ConfigurationError(secondPlace(of: name, context.mark), "'\(name)' is there twice")
        default:
            return self.error(line: 1, column: 1, "expected YAML")
        }
    }

    /// Whether only blanks follow.
    private func isAtEnd(_ mark: Mark) -> Bool {
        guard lines.indices.contains(mark.line - 1) else { return true }
        return lines[mark.line - 1].unicodeScalars.dropFirst(mark.column - 1).allSatisfy { $0 == " " }
            && lines[mark.line...].allSatisfy { line in line.allSatisfy { $0 == " " } }
    }

    /// Yams tells where a key stands first. It comes again at the same indentation, in a mapping of one line nowhere that
    /// can be told from here; then the first place it is.
    private func secondPlace(of name: String, _ first: Mark) -> ConfigurationPlace {
        let indentation = String(repeating: " ", count: first.column - 1)
        let spellings = [name, "'\(name)'", "\"\(name)\""]
        for (index, line) in lines.enumerated().dropFirst(first.line) where line.hasPrefix(indentation) {
            let rest = line.dropFirst(indentation.count)
            for spelling in spellings where rest.hasPrefix(spelling) {
                if rest.dropFirst(spelling.count).drop(while: { $0 == " " }).first == ":" {
                    return place(line: index + 1, column: first.column)
                }
            }
        }
        return place(line: first.line, column: first.column)
    }
}

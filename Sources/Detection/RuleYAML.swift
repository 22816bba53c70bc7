internal import Yams

/// Composes a rule file's YAML and hands out its scalars with their places.
struct RuleYAML {
    /// A rule file is text that people write; more than this is refused before it is parsed.
    static let maximumBytes = 8 * 1024 * 1024
    /// Anchors and their uses in one file: each anchor that names earlier ones twice doubles the document.
    private static let maximumAnchors = 8
    private static let maximumAliases = 64

    let source: SourceText

    /// The roots of the file's documents.
    func compose(_ text: String) throws(RuleError) -> [Node] {
        let start = SourcePosition(line: 1, column: 1)
        guard source.bytes.count <= Self.maximumBytes else {
            throw RuleError(.structure, in: source, at: start, "larger than \(Self.maximumBytes) bytes")
        }
        let anchors = count(of: UInt8(ascii: "&"))
        guard anchors <= Self.maximumAnchors, anchors == 0 || count(of: UInt8(ascii: "*")) <= Self.maximumAliases else {
            throw RuleError(.structure, in: source, at: start, "too many anchors and aliases")
        }
        do {
            var documents = try Yams.compose_all(yaml: text)
            var roots: [Node] = []
            while let root = documents.next() { roots.append(root) }
            if let error = documents.error { throw error }
            return roots
        } catch let error as YamlError {
            throw failure(error)
        } catch {
            throw RuleError(.yaml, in: source, at: start, "expected YAML")
        }
    }

    /// How often the character begins a word, as an anchor or an alias does.
    private func count(of character: UInt8) -> Int {
        var count = 0
        var previous = UInt8(ascii: " ")
        for byte in source.bytes {
            let beginsWord =
                switch previous {
                case 0...0x20, UInt8(ascii: "["), UInt8(ascii: "{"), UInt8(ascii: ","), UInt8(ascii: ":"),
                    UInt8(ascii: "-"), UInt8(ascii: "?"):
                    true
                default: previous >= 0x80
                }
            if byte == character, beginsWord { count += 1 }
            previous = byte
        }
        return count
    }

    private func failure(_ error: YamlError) -> RuleError {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            return RuleError(.yaml, in: source, at: position(mark), problem)
        case .reader(let problem, _, _, _):
            return RuleError(.yaml, in: source, at: SourcePosition(line: 1, column: 1), problem)
        case .duplicatedKeysInMapping(let duplicates, let context):
            let names = duplicates.map { "`\($0)`" }.joined(separator: ", ")
            return RuleError(.yaml, in: source, at: position(context.mark), "the key \(names) stands here twice")
        default:
            return RuleError(.yaml, in: source, at: SourcePosition(line: 1, column: 1), "expected YAML")
        }
    }

    private func position(_ mark: Mark?) -> SourcePosition {
        SourcePosition(line: mark?.line ?? 1, column: mark?.column ?? 1)
    }

    func position(of node: Node) -> SourcePosition { position(node.mark) }

    func error(_ node: Node, _ message: String, _ kind: RuleError.Kind = .structure) -> RuleError {
        RuleError(kind, in: source, at: position(of: node), message)
    }

    func scalar(_ node: Node, of key: String) throws(RuleError) -> ScalarText {
        guard case .scalar(let scalar) = node else { throw error(node, "expected a text for `\(key)`") }
        let style: ScalarText.Style =
            switch scalar.style {
            case .singleQuoted: .singleQuoted
            case .doubleQuoted: .doubleQuoted
            case .literal, .folded: .block
            default: .plain
            }
        return ScalarText(source: source, start: position(of: node), style: style, text: scalar.string)
    }

    func scalars(_ node: Node, of key: String) throws(RuleError) -> [ScalarText] {
        if case .scalar(let scalar) = node, scalar.string.isEmpty { return [] }
        guard case .sequence(let sequence) = node else { throw error(node, "expected a list for `\(key)`") }
        var scalars: [ScalarText] = []
        for item in sequence { scalars.append(try scalar(item, of: key)) }
        return scalars
    }

    func boolean(_ node: Node, of key: String) throws(RuleError) -> Bool {
        switch try scalar(node, of: key).text.lowercased() {
        case "true", "yes", "on": return true
        case "false", "no", "off": return false
        default: throw error(node, "expected `true` or `false` for `\(key)`")
        }
    }
}

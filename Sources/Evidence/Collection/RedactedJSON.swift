/// JSON text with the environments in it redacted: every string below a key `env`, `Env` or `environment` (in any case)
/// is replaced as `RedactedEnvironment` does, numbers there as well. The rest of the text stays byte for byte.
///
/// A scanner of its own, without recursion: the order of keys and the numbers as written are evidence, and what cannot
/// be scanned to its end is not passed on. JSON inside a string (annotations of Kubernetes) is redacted in its turn.
package struct RedactedJSON {
    private let input: [UInt8]
    private let hash: KeyedHash
    private let nesting: Int
    private var at = 0
    private var output: [UInt8] = []
    private var open: [Level] = []
    private var key: String?

    private struct Level {
        var isObject: Bool
        /// Everything in it is an environment's.
        var isSecret: Bool
        var expects: Expectation
    }
    private enum Expectation { case firstKeyOrEnd, key, colon, value, firstValueOrEnd, commaOrEnd }

    /// Deeper text is refused.
    private static let depthLimit = 512
    /// JSON in a string in a string.
    private static let nestingLimit = 3

    /// Nil when the bytes are not one JSON value.
    package static func redact(_ bytes: [UInt8], with hash: KeyedHash) -> [UInt8]? {
        var scanner = RedactedJSON(bytes, hash, nesting: 0)
        return scanner.run()
    }

    private init(_ input: [UInt8], _ hash: KeyedHash, nesting: Int) {
        self.input = input
        self.hash = hash
        self.nesting = nesting
    }

    private mutating func run() -> [UInt8]? {
        output.reserveCapacity(input.count)
        guard value() else { return nil }
        while !open.isEmpty { guard step() else { return nil } }
        space()
        return at == input.count ? output : nil
    }

    private var isSecret: Bool { open.last?.isSecret ?? false }

    /// One token of the innermost object or array.
    private mutating func step() -> Bool {
        space()
        guard at < input.count, let level = open.last else { return false }
        let byte = input[at]
        let last = open.count - 1
        switch level.expects {
        case .firstKeyOrEnd where byte == UInt8(ascii: "}"), .firstValueOrEnd where byte == UInt8(ascii: "]"),
            .commaOrEnd where byte == (level.isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")):
            take()
            open.removeLast()
            return true
        case .commaOrEnd:
            guard byte == UInt8(ascii: ",") else { return false }
            take()
            open[last].expects = level.isObject ? .key : .value
            return true
        case .firstKeyOrEnd, .key:
            guard let text = string() else { return false }
            output.append(contentsOf: input[text.range])
            key = String(decoding: text.bytes, as: UTF8.self)
            open[last].expects = .colon
            return true
        case .colon:
            guard byte == UInt8(ascii: ":") else { return false }
            take()
            open[last].expects = .value
            return true
        case .value, .firstValueOrEnd:
            open[last].expects = .commaOrEnd
            return value()
        }
    }

    /// A scalar is copied or redacted; an object or array is opened.
    private mutating func value() -> Bool {
        space()
        guard at < input.count else { return false }
        let name = open.last?.isObject == true ? key?.lowercased() : nil
        let inherits = isSecret
        switch input[at] {
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            guard open.count < Self.depthLimit else { return false }
            let isObject = input[at] == UInt8(ascii: "{")
            let isEnvironment = name == "env" || name == "environment" || name == "envs"
            open.append(
                Level(
                    isObject: isObject, isSecret: inherits || isEnvironment,
                    expects: isObject ? .firstKeyOrEnd : .firstValueOrEnd))
            take()
            key = nil
            return true
        case UInt8(ascii: "\""):
            guard let text = string() else { return false }
            write(text, name: name, isSecret: inherits)
            return true
        default:
            guard let range = literal() else { return false }
            // A number may be a PIN; the words stay.
            let isNumber = !Self.words.contains { $0.elementsEqual(input[range]) }
            if inherits && isNumber { quoted(hash.text(input[range])) } else { output += input[range] }
            return true
        }
    }

    private mutating func write(_ text: Text, name: String?, isSecret: Bool) {
        if isSecret {
            // Kubernetes' form: {"name": "PASSWORD", "value": "…"}
            if name == "name" || name == "key" {
                output += input[text.range]
            } else {
                quoted(RedactedEnvironment.entry(text.bytes[...], with: hash))
            }
            return
        }
        // Docker's and podman's own: an environment that is one string.
        if name == "env" || name == "environment" {
            quoted(RedactedEnvironment.entry(text.bytes[...], with: hash))
            return
        }
        let first = text.bytes.first { !Self.isSpace($0) }
        if first == UInt8(ascii: "{") || first == UInt8(ascii: "["), text.bytes.count > 2 {
            if nesting < Self.nestingLimit {
                var inner = RedactedJSON(text.bytes, hash, nesting: nesting + 1)
                if let redacted = inner.run() {
                    if redacted == text.bytes {
                        output += input[text.range]
                    } else {
                        quoted(String(decoding: redacted, as: UTF8.self))
                    }
                    return
                }
            }
            // Looks like JSON, cannot be told: kept only when nothing in it is called an environment.
            let lowered = String(decoding: text.bytes, as: UTF8.self).lowercased()
            if lowered.contains("env") {
                quoted(hash.text(text.bytes))
                return
            }
        }
        output += input[text.range]
    }

    // MARK: Tokens

    private struct Text {
        /// With its quotes.
        var range: Range<Int>
        /// Escapes undone.
        var bytes: [UInt8]
    }

    private mutating func string() -> Text? {
        let start = at
        guard at < input.count, input[at] == UInt8(ascii: "\"") else { return nil }
        at += 1
        var bytes: [UInt8] = []
        while at < input.count {
            let byte = input[at]
            at += 1
            switch byte {
            case UInt8(ascii: "\""): return Text(range: start..<at, bytes: bytes)
            case UInt8(ascii: "\\"): guard escape(into: &bytes) else { return nil }
            case 0..<0x20: return nil
            default: bytes.append(byte)
            }
        }
        return nil
    }

    private mutating func escape(into bytes: inout [UInt8]) -> Bool {
        guard at < input.count else { return false }
        let byte = input[at]
        at += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): bytes.append(byte)
        case UInt8(ascii: "b"): bytes.append(8)
        case UInt8(ascii: "f"): bytes.append(12)
        case UInt8(ascii: "n"): bytes.append(10)
        case UInt8(ascii: "r"): bytes.append(13)
        case UInt8(ascii: "t"): bytes.append(9)
        case UInt8(ascii: "u"):
            guard let high = codeUnit() else { return false }
            var value = UInt32(high)
            if (0xd800..<0xdc00).contains(high), at + 1 < input.count, input[at] == UInt8(ascii: "\\"),
                input[at + 1] == UInt8(ascii: "u")
            {
                let mark = at
                at += 2
                guard let low = codeUnit() else { return false }
                if (0xdc00..<0xe000).contains(low) {
                    value = 0x10000 + (UInt32(high) - 0xd800) << 10 + (UInt32(low) - 0xdc00)
                } else {
                    at = mark
                }
            }
            let scalar = Unicode.Scalar(value) ?? "\u{fffd}"
            bytes.append(contentsOf: String(Character(scalar)).utf8)
        default: return false
        }
        return true
    }

    private mutating func codeUnit() -> UInt16? {
        guard input.count - at >= 4 else { return nil }
        var value: UInt16 = 0
        for byte in input[at..<(at + 4)] {
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else { return nil }
            value = value << 4 | UInt16(digit)
        }
        at += 4
        return value
    }

    private static let words: [StaticLiteral] = ["true", "false", "null"].map { Array($0.utf8) }
    private typealias StaticLiteral = [UInt8]

    /// true, false, null or a number; numbers are not checked more closely than by their characters.
    private mutating func literal() -> Range<Int>? {
        let start = at
        while at < input.count {
            switch input[at] {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"),
                UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "E"):
                at += 1
                continue
            default: break
            }
            break
        }
        guard at > start else { return nil }
        let token = input[start..<at]
        if Self.words.contains(where: { $0.elementsEqual(token) }) { return start..<at }
        let first = token[start]
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        guard digits.contains(first) || first == UInt8(ascii: "-"), token.contains(where: { digits.contains($0) }),
            !token.contains(where: { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) && $0 != UInt8(ascii: "e") })
        else { return nil }
        return start..<at
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 }

    private mutating func space() {
        while at < input.count, Self.isSpace(input[at]) { take() }
    }

    private mutating func take() {
        output.append(input[at])
        at += 1
    }

    private mutating func quoted(_ text: String) {
        output.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): output += [UInt8(ascii: "\\"), byte]
            case 0..<0x20: output += Array("\\u00\(hexadecimal([byte]))".utf8)
            default: output.append(byte)
            }
        }
        output.append(UInt8(ascii: "\""))
    }
}

internal import EventModel

/// A rule's output, cut into text and fields: `%field`, `%field[arg]`, `%tolower(field)`, `%20field` (padded or cut to 20
/// characters).
struct OutputTemplate: Sendable {
    struct Reference: Sendable {
        /// Index into the program's operands.
        let operand: Int32
        /// Nil for what is more than a field.
        let field: FieldID?
        /// Characters to pad or cut to, nil for as many as there are.
        let width: Int?
        /// As written, for the alert's keys.
        let name: String
    }

    enum Piece: Sendable {
        case text(String)
        case field(Reference)
    }

    private(set) var pieces: [Piece] = []
    private static let maximumWidth = 4096

    /// The compiler has begun with the text that this is; what is wrong is told to it, and then the template is not to be
    /// used.
    init(_ text: String, _ compiler: inout ConditionCompiler) {
        var literal: [UInt8] = []
        let bytes = Array(text.utf8)
        var index = 0
        while index < bytes.count {
            guard bytes[index] == UInt8(ascii: "%") else {
                literal.append(bytes[index])
                index += 1
                continue
            }
            // `%%` is a percent sign.
            if index + 1 < bytes.count, bytes[index + 1] == UInt8(ascii: "%") {
                literal.append(bytes[index])
                index += 2
                continue
            }
            if !literal.isEmpty { pieces.append(.text(String(decoding: literal, as: UTF8.self))) }
            literal = []
            guard let reference = Self.reference(in: text, bytes, at: &index, &compiler) else { return }
            if let reference { pieces.append(.field(reference)) }
        }
        if !literal.isEmpty { pieces.append(.text(String(decoding: literal, as: UTF8.self))) }
    }

    var references: [Reference] {
        pieces.compactMap { if case .field(let reference) = $0 { reference } else { nil } }
    }

    /// Another template after a blank (`extra_output`).
    mutating func append(_ other: OutputTemplate) {
        trim()
        pieces += [.text(" ")] + other.pieces
    }

    private mutating func trim() {
        while case .text(let text) = pieces.last, let last = text.utf8.last, last == 0x20 || last == 0x0A {
            let trimmed = String(text.dropLast())
            pieces.removeLast()
            if !trimmed.isEmpty { pieces.append(.text(trimmed)) }
        }
    }

    /// What every alert's text tells, as far as the rule's own does not: Falco's `append_output` with its suggested fields.
    mutating func appendSuggested(_ compiler: inout ConditionCompiler) {
        trim()
        let named = Set(references.compactMap(\.field))
        var separator = " | "
        for case .text(let text) in pieces where text.contains(" | ") { separator = " " }
        let suggested: [(label: String, field: FieldID, alsoNamedBy: FieldID)] = [
            ("container_id", .containerID, .containerFullID), ("container_name", .containerName, .containerName),
            ("image", .containerImage, .containerImageRepository), ("pod", .k8sPodName, .k8sPodName),
            ("namespace", .k8sNsName, .k8sNsName),
        ]
        var all = suggested.filter { !named.contains($0.field) && !named.contains($0.alsoNamedBy) }.map {
            (label: $0.label, name: $0.field.rawValue)
        }
        let names = Set(references.map(\.name))
        all += compiler.staticFields.keys.sorted().map { (label: "static_\($0)", name: "static.\($0)") }
            .filter { !names.contains($0.name) }
        for (label, name) in all {
            let field = Condition.Field(name: name, argument: nil, offset: 0)
            guard let operand = compiler.operand(field) else { continue }
            pieces.append(.text("\(separator)\(label)="))
            pieces.append(
                .field(
                    Reference(
                        operand: operand, field: compiler.program.operands[Int(operand)].field, width: nil, name: name))
            )
            separator = " "
        }
    }

    /// Reads from `%` on. Nil after an error; a nil in it for what stands for nothing.
    private static func reference(
        in text: String, _ bytes: [UInt8], at index: inout Int, _ compiler: inout ConditionCompiler
    ) -> Reference?? {
        let start = index
        index += 1
        let widthStart = index
        while index < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[index]) { index += 1 }
        var width: Int?
        if index > widthStart {
            width = Int(String(decoding: bytes[widthStart..<index], as: UTF8.self))
            guard let width, (1...maximumWidth).contains(width) else {
                compiler.fail(.structure, at: widthStart, "expected a width from 1 to \(maximumWidth)")
                return nil
            }
        }
        let nameStart = index
        readName(in: bytes, at: &index)
        let name = String(decoding: bytes[nameStart..<index], as: UTF8.self)
        guard !name.isEmpty else {
            compiler.fail(.syntax, at: start, "expected a field after `%`")
            return nil
        }
        let written: Condition.Operand
        if name == "container.info" {
            compiler.warn(.deprecated, at: nameStart, "`%container.info` is deprecated and stands for nothing")
            return .some(nil)
        }
        do {
            if index < bytes.count, bytes[index] == UInt8(ascii: "("), Condition.transformerNames.contains(name) {
                (written, index) = try ConditionParser.transformer(in: text, at: nameStart)
            } else {
                let argument = try argument(of: name, in: bytes, at: &index)
                written = .field(Condition.Field(name: name, argument: argument, offset: nameStart))
            }
        } catch {
            compiler.fail(.syntax, at: error.offset, error.message)
            return nil
        }
        guard let operand = compiler.operand(written) else { return nil }
        return Reference(
            operand: operand, field: compiler.program.operands[Int(operand)].field, width: width,
            name: String(decoding: bytes[nameStart..<index], as: UTF8.self))
    }

    /// Letters, digits, `_`, and a dot that a letter or a digit follows.
    private static func readName(in bytes: [UInt8], at index: inout Int) {
        func isLetter(_ at: Int) -> Bool {
            at < bytes.count && (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(bytes[at] | 0x20)
        }
        guard isLetter(index) else { return }
        while index < bytes.count {
            let byte = bytes[index]
            let isDigit = (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            let isDot = byte == UInt8(ascii: ".") && isLetter(index + 1)
            guard isLetter(index) || isDigit || isDot || byte == UInt8(ascii: "_") else { return }
            index += 1
        }
    }

    /// Only a field that takes brackets reads them; after others they are text.
    private static func argument(
        of name: String, in bytes: [UInt8], at index: inout Int
    ) throws(ConditionSyntaxError) -> String? {
        guard let field = FieldCatalog.field(named: name), FieldReference.takesArgument(field.id), index < bytes.count,
            bytes[index] == UInt8(ascii: "[")
        else { return nil }
        guard let end = bytes[index...].firstIndex(of: UInt8(ascii: "]")) else {
            throw ConditionSyntaxError(offset: index, message: "expected `]`")
        }
        defer { index = end + 1 }
        return String(decoding: bytes[(index + 1)..<end], as: UTF8.self)
    }
}

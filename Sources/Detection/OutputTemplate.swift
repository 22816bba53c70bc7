internal import EventModel

/// A rule's output, cut into text and fields: `%field`, `%field[arg]`, `%20field` (padded or cut to 20 characters).
struct OutputTemplate: Sendable {
    struct Reference: Sendable {
        let field: FieldID
        let index: Int
        /// Characters to pad or cut to, nil for as many as there are.
        let width: Int?
        /// As written, for the alert's keys.
        let name: String
    }

    enum Piece: Sendable {
        case text(String)
        case field(Reference)
    }

    struct Failure: Error {
        let kind: RuleError.Kind
        let offset: Int
        let message: String
    }

    private(set) var pieces: [Piece]
    private static let maximumWidth = 4096

    init(_ text: String) throws(Failure) {
        var pieces: [Piece] = []
        var literal: [UInt8] = []
        let bytes = Array(text.utf8)
        var index = 0
        while index < bytes.count {
            guard bytes[index] == UInt8(ascii: "%") else {
                literal.append(bytes[index])
                index += 1
                continue
            }
            if !literal.isEmpty { pieces.append(.text(String(decoding: literal, as: UTF8.self))) }
            literal = []
            pieces.append(.field(try Self.reference(in: bytes, at: &index)))
        }
        if !literal.isEmpty { pieces.append(.text(String(decoding: literal, as: UTF8.self))) }
        self.pieces = pieces
    }

    var references: [Reference] {
        pieces.compactMap { if case .field(let reference) = $0 { reference } else { nil } }
    }

    /// What every alert's text tells, as far as the rule's own does not: Falco's `append_output` with its suggested fields.
    mutating func appendSuggested() {
        while case .text(let text) = pieces.last, let last = text.utf8.last, last == 0x20 || last == 0x0A {
            let trimmed = String(text.dropLast())
            pieces.removeLast()
            if !trimmed.isEmpty { pieces.append(.text(trimmed)) }
        }
        let named = Set(references.map(\.field))
        var separator = " | "
        for case .text(let text) in pieces where text.contains(" | ") { separator = " " }
        let suggested: [(label: String, field: FieldID, alsoNamedBy: FieldID)] = [
            ("container_id", .containerID, .containerFullID), ("container_name", .containerName, .containerName),
            ("image", .containerImage, .containerImageRepository), ("pod", .k8sPodName, .k8sPodName),
            ("namespace", .k8sNsName, .k8sNsName),
        ]
        for (label, field, other) in suggested where !named.contains(field) && !named.contains(other) {
            pieces.append(.text("\(separator)\(label)="))
            pieces.append(.field(Reference(field: field, index: -1, width: nil, name: field.rawValue)))
            separator = " "
        }
    }

    /// Reads from `%` on.
    private static func reference(in bytes: [UInt8], at index: inout Int) throws(Failure) -> Reference {
        let start = index
        index += 1
        let width = try width(in: bytes, at: &index)
        let nameStart = index
        readName(in: bytes, at: &index)
        let name = String(decoding: bytes[nameStart..<index], as: UTF8.self)
        guard !name.isEmpty else {
            throw Failure(kind: .syntax, offset: start, message: "expected a field after `%`")
        }
        if index < bytes.count, bytes[index] == UInt8(ascii: "("), Condition.transformerNames.contains(name) {
            throw Failure(kind: .unsupported, offset: nameStart, message: "`\(name)()` is not supported yet")
        }
        guard let field = FieldCatalog.field(named: name) else {
            let hint = Suggestion.hint(for: name, among: FieldID.allCases.lazy.map(\.rawValue))
            throw Failure(
                kind: .unknownName, offset: nameStart,
                message: "expected a field, found `\(name)`, which is not known" + hint)
        }
        let argument = try argument(of: field, in: bytes, at: &index)
        switch FieldIndex.read(argument, of: field) {
        case .success(let number):
            let written = String(decoding: bytes[nameStart..<index], as: UTF8.self)
            return Reference(field: field.id, index: number, width: width, name: written)
        case .failure(let failure):
            throw Failure(kind: .structure, offset: nameStart, message: failure.message)
        }
    }

    private static func width(in bytes: [UInt8], at index: inout Int) throws(Failure) -> Int? {
        let start = index
        while index < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[index]) { index += 1 }
        guard index > start else { return nil }
        guard let width = Int(String(decoding: bytes[start..<index], as: UTF8.self)), (1...maximumWidth).contains(width)
        else {
            throw Failure(kind: .structure, offset: start, message: "expected a width from 1 to \(maximumWidth)")
        }
        return width
    }

    /// Letters, digits, `_`, and a dot that a letter follows.
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
        of field: FieldDescription, in bytes: [UInt8], at index: inout Int
    ) throws(Failure) -> String? {
        guard field.takesIndex, index < bytes.count, bytes[index] == UInt8(ascii: "[") else { return nil }
        guard let end = bytes[index...].firstIndex(of: UInt8(ascii: "]")) else {
            throw Failure(kind: .syntax, offset: index, message: "expected `]`")
        }
        defer { index = end + 1 }
        return String(decoding: bytes[(index + 1)..<end], as: UTF8.self)
    }
}

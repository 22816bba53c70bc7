/// What a test compares: a field, a literal, or what a transformer makes of others.
struct Operand: Sendable, Hashable {
    enum Function: Sendable, Hashable {
        case tolower, toupper, b64, basename, len, join, concat
        /// `selector` is the option between the brackets, nil for all of them.
        case getopt(selector: UInt8?)
    }

    enum Source: Sendable, Hashable {
        case field(FieldReference)
        /// A field of several words (`proc.args`) as a list.
        case words(FieldID)
        case literal(String)
        case list([Int32])
        case function(Function, [Int32])
    }

    struct Kind: Sendable, Hashable {
        var type: FieldDescription.ValueType
        var isList = false
    }

    var source: Source
    var kind: Kind
    var needsAttribution: Bool
    /// A field in it that no source here tells: then it is always missing.
    var unfed: FieldID?

    /// The field that it is, where it is one and nothing more.
    var field: FieldID? {
        if case .field(let reference) = source { reference.id } else { nil }
    }
}

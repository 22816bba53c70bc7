/// One of a rule's `exceptions`, as written.
struct ExceptionDefinition: Sendable {
    /// A scalar, or a list of such.
    indirect enum Entry: Sendable {
        case scalar(ScalarText)
        /// With its place.
        case list([Entry], ScalarText)

        var scalar: ScalarText? {
            if case .scalar(let scalar) = self { scalar } else { nil }
        }

        var value: Value {
            switch self {
            case .scalar(let scalar): .one(scalar)
            case .list(let entries, _): .several(entries.compactMap(\.scalar))
            }
        }
    }

    enum Value: Sendable {
        case one(ScalarText)
        case several([ScalarText])

        var scalars: [ScalarText] {
            switch self {
            case .one(let scalar): [scalar]
            case .several(let scalars): scalars
            }
        }
    }

    let name: ScalarText
    let fields: Entry
    /// Nil for the default: `in` for one field, `=` for each of several.
    let comparisons: Entry?
    var values: [Entry]
}

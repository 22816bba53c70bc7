/// A condition as it is written: macros and lists by name, nothing checked yet. Offsets are bytes into the condition's text.
package indirect enum Condition: Sendable {
    case and([Condition])
    case or([Condition])
    case not(Condition)
    case macro(name: String, offset: Int)
    case check(Check)
}

extension Condition {
    /// One comparison.
    package struct Check: Sendable {
        package var left: Operand
        package var comparison: Comparison
        /// Where the operator stands.
        package var offset: Int
        package var right: RightSide
    }

    /// `proc.aname[2]`: a field's name and what stands between its brackets.
    package struct Field: Sendable {
        package var name: String
        package var argument: String?
        package var offset: Int
    }

    package indirect enum Operand: Sendable {
        case field(Field)
        case transformer(Transformer)
    }

    /// `tolower(proc.name)`, `join("/", (a, b))`, …
    package struct Transformer: Sendable {
        package enum Argument: Sendable {
            case operand(Operand)
            case text(String)
            case list([Argument])
        }

        package var name: String
        package var arguments: [Argument]
        /// What stands in brackets after the closing parenthesis.
        package var index: String?
        package var offset: Int
    }

    /// A literal, or in a list the name of a list.
    package struct Value: Sendable {
        package var text: String
        package var isQuoted: Bool
        package var offset: Int
    }

    package enum Modifier: String, Sendable, CaseIterable {
        case oneof, anyof, allof
    }

    package enum RightSide: Sendable {
        /// `exists` has none.
        case none
        case value(Value)
        case list([Value])
        case listName(String, offset: Int)
        case modified(Modifier, [Value], offset: Int)
        case transformer(Transformer)
        /// `val(field)`.
        case field(Field, offset: Int)
    }

    /// Falco's operators; the raw value is how a condition spells them (`==` is read as `=`).
    package enum Comparison: String, Sendable, CaseIterable {
        case equal = "="
        case notEqual = "!="
        case less = "<"
        case lessOrEqual = "<="
        case greater = ">"
        case greaterOrEqual = ">="
        case contains, icontains, bcontains, startswith, bstartswith, endswith
        case glob, iglob, regex
        case exists
        case isIn = "in"
        case intersects, pmatch

        package var takesNumber: Bool {
            switch self {
            case .less, .lessOrEqual, .greater, .greaterOrEqual: true
            default: false
            }
        }

        package var takesList: Bool {
            switch self {
            case .isIn, .intersects, .pmatch: true
            default: false
            }
        }
    }

    /// The functions that the grammar names.
    static let transformerNames: Set<String> = [
        "tolower", "toupper", "b64", "basename", "len", "join", "concat", "getopt",
    ]
}

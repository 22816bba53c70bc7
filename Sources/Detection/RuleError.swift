/// What is wrong with a rule file, and where.
package struct RuleError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Kind: Sendable {
        /// The file is no YAML.
        case yaml
        /// An item, key or value that a rule file does not have.
        case structure
        /// A condition or an output that the grammar does not know.
        case syntax
        /// A field, macro or list that does not exist here.
        case unknownName
        /// A value or an operator that the field's type does not take.
        case type
        /// Falco knows it, this version does not yet.
        case unsupported
        /// Of a warning: a field that no source here tells yet.
        case unfed
        /// Of a warning: a rule that can never match.
        case neverMatches
        /// Of a warning: a macro or a list that nothing names.
        case unused
        /// Of a warning: a way of writing that Falco gives up.
        case deprecated
    }

    package let kind: Kind
    package let file: String
    package let line: Int
    package let column: Int
    package let message: String
    /// The source line and a caret below the place.
    package let excerpt: String

    init(_ kind: Kind, in source: SourceText, at position: SourcePosition, _ message: String) {
        self.kind = kind
        file = source.name
        line = position.line
        column = position.column
        self.message = EscapedText.escaped(message)
        excerpt = source.excerpt(at: position)
    }

    fileprivate init(_ rule: Rule, _ reason: String) {
        kind = .neverMatches
        (file, line, column) = (rule.file, rule.position.line, rule.position.column)
        message = "never matches: \(EscapedText.escaped(reason))"
        excerpt = rule.excerpt
    }

    package var description: String { "\(file):\(line):\(column): error: \(message)\n\(excerpt)" }

    /// The same as a warning, for what loads all the same.
    package var warningDescription: String { "\(file):\(line):\(column): warning: \(message)\n\(excerpt)" }
}

/// Everything that is wrong with the files that were loaded together, in the order of the files, and what was noticed
/// beside it.
package struct RuleErrors: Error, Sendable, CustomStringConvertible {
    /// Never empty.
    package let errors: [RuleError]
    package let warnings: [RuleError]

    package var description: String {
        (errors.map(\.description) + warnings.map(\.warningDescription)).joined(separator: "\n")
    }
}

extension Rule {
    /// A warning at the rule's name.
    package func neverMatches(because reason: String) -> RuleError { RuleError(self, reason) }
}

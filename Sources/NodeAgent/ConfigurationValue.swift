import Yams

/// What a key takes: as people are told, and as it is read. One range, one list of choices, one default for both.
struct ConfigurationValue: Sendable {
    typealias Path<Value> = any WritableKeyPath<Configuration, Value> & Sendable
    typealias Reading = @Sendable (YAMLDocument, Node, inout Configuration) throws(ConfigurationError) -> Void

    /// What is allowed, in Markdown.
    let allowed: String
    /// What holds when the key is left out, in Markdown.
    let standard: String
    let read: Reading

    static func number<Number: FixedWidthInteger & Sendable>(
        _ range: ClosedRange<Int>, _ path: Path<Number>
    ) -> ConfigurationValue {
        ConfigurationValue(
            allowed: "\(range.lowerBound) to \(range.upperBound)", standard: "`\(Configuration()[keyPath: path])`"
        ) { (document, node, configuration) throws(ConfigurationError) in
            configuration[keyPath: path] = Number(clamping: try document.integer(node, range))
        }
    }

    static func boolean(_ path: Path<Bool>) -> ConfigurationValue {
        ConfigurationValue(allowed: "`true`, `false`", standard: "`\(Configuration()[keyPath: path])`") {
            (document, node, configuration) throws(ConfigurationError) in
            configuration[keyPath: path] = try document.boolean(node)
        }
    }

    static func choice<Choice: RawRepresentable & CaseIterable & Sendable>(
        _ path: Path<Choice>
    ) -> ConfigurationValue where Choice.RawValue == String {
        ConfigurationValue(allowed: choices(of: Choice.self), standard: "`\(Configuration()[keyPath: path].rawValue)`")
        {
            (document, node, configuration) throws(ConfigurationError) in
            configuration[keyPath: path] = try document.choice(node)
        }
    }

    /// Of a file or directory, relative to the configuration; `standard` says what stands in for it.
    static func path(
        _ path: Path<String?>, standard: String
    ) -> ConfigurationValue {
        ConfigurationValue(allowed: "a path", standard: standard) {
            (document, node, configuration) throws(ConfigurationError) in
            configuration[keyPath: path] = document.path(try document.string(node))
        }
    }

    static func choices<Choice: RawRepresentable & CaseIterable>(
        of type: Choice.Type
    ) -> String where Choice.RawValue == String {
        Choice.allCases.map { "`\($0.rawValue)`" }.joined(separator: ", ")
    }
}

import FoundationEssentials

extension JSONEncoder {
    /// For what a person reads and a script compares: indented, keys in order.
    static var printed: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return encoder
    }
}

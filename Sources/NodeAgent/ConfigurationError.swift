import Detection

/// A place in a file that an operator wrote.
struct ConfigurationPlace: Sendable {
    var file: String
    /// From 1; 0 for the file as a whole.
    var line = 0
    /// From 1, in Unicode scalars, as libyaml counts.
    var column = 0
    /// The line itself.
    var text = ""
}

/// What is wrong in a configuration file, and where: `file:line:column: error: …`, with the line and a caret; without a
/// place, `file: error: …`, where the file as a whole is meant.
struct ConfigurationError: Error, CustomStringConvertible {
    var place: ConfigurationPlace
    var message: String

    init(_ place: ConfigurationPlace, _ message: String) {
        self.place = place
        self.message = message
    }

    var description: String {
        let file = EscapedText.escaped(place.file)
        let message = EscapedText.escaped(self.message)
        guard place.line > 0 else { return "\(file): error: \(message)" }
        return "\(file):\(place.line):\(place.column): error: \(message)\n\(excerpt)"
    }

    /// Of a long line the part around the place; what could move a terminal's cursor is replaced.
    private var excerpt: String {
        let first = max(0, place.column - 1 - 100)
        var line = ""
        for scalar in place.text.unicodeScalars.dropFirst(first).prefix(160) {
            let text = String(scalar)
            line += EscapedText.escaped(text) == text ? text : " "
        }
        return "    \(line)\n    \(String(repeating: " ", count: max(0, place.column - 1 - first)))^"
    }
}

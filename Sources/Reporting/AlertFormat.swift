package import EventModel

/// How alerts look on standard output.
package enum AlertFormat: String, Sendable, CaseIterable {
    /// One line for a person, as Falco prints it.
    case text
    /// One JSON object a line, with Falco's keys.
    case json
}

extension Alert {
    /// The line for a format, newline included.
    package func line(_ format: AlertFormat, hostname: String, colored: Bool) -> [UInt8] {
        switch format {
        case .text: Array(textLine(colored: colored).utf8)
        case .json: jsonLine(hostname: hostname)
        }
    }

    /// `22:05:01.123456789: Critical Host Block Device Mounted in Container | …`, the rule's name added where the output does
    /// not begin with it; the priority in colour on a terminal.
    private func textLine(colored: Bool) -> String {
        let name = colored ? "\u{1b}[\(priority.color)m\(priority.name)\u{1b}[0m" : priority.name
        let reference = id.map { " alert=\($0)" } ?? ""
        return "\(Timestamp(time).clock): \(name) \(told)\(reference)\n"
    }

    /// The output, and of a count how many.
    private var told: String { repeats.map { "\(output) repeats=\($0)" } ?? output }

    private func jsonLine(hostname: String) -> [UInt8] {
        var json = JSONText()
        json.raw("{\"hostname\":")
        json.string(hostname)
        json.raw(",\"output\":")
        json.string("\(Timestamp(time).clock): \(priority.name) \(told)")
        json.raw(",\"output_fields\":")
        var fields = fields
        if let id { fields.append(("alert.id", .text(id))) }
        if let repeats { fields.append(("alert.repeats", .number(Int64(clamping: repeats)))) }
        json.list("{", fields.sorted { $0.name < $1.name }, "}") { json, field in
            json.string(field.name)
            json.raw(":")
            json.value(field.value)
        }
        json.raw(",\"priority\":")
        json.string(priority.name)
        json.raw(",\"rule\":")
        json.string(rule)
        json.raw(",\"source\":")
        json.string(source)
        json.raw(",\"tags\":")
        json.list("[", tags.sorted(), "]") { json, tag in json.string(tag) }
        json.raw(",\"time\":")
        json.string(Timestamp(time).rfc3339)
        json.raw("}\n")
        return json.bytes
    }
}

extension JSONText {
    fileprivate mutating func value(_ value: AlertValue) {
        switch value {
        case .missing: raw("null")
        case .number(let number): self.number(number)
        case .boolean(let flag): boolean(flag)
        case .text(let text): string(text)
        case .list(let texts): list("[", texts, "]") { json, text in json.string(text) }
        }
    }
}

extension Priority {
    /// SGR code of the priority on a terminal.
    fileprivate var color: String {
        switch self {
        case .emergency, .alert, .critical: "1;31"
        case .error: "31"
        case .warning: "33"
        case .notice: "36"
        case .informational, .debug: "2"
        }
    }
}

/// One thing that was looked at, and how it stands. The keys of its JSON are a contract.
struct DoctorCheck: Encodable, Equatable, Sendable {
    enum State: String, Encodable, CaseIterable {
        case pass = "PASS"
        /// Something goes unseen, or may.
        case warn = "WARN"
        /// A source or the agent as a whole does not do what it is there for.
        case fail = "FAIL"
        /// Good to know, nothing to do.
        case info = "INFO"
    }

    /// In lower case with hyphens. docs/operations.md explains each.
    var id: String
    var state: State
    /// One line, with figures. It may hold text that a process chose.
    var finding: String
    /// A command or a key of the configuration; nil unless `warn` or `fail`.
    var remedy: String?

    static func pass(_ id: String, _ finding: String) -> DoctorCheck {
        DoctorCheck(id: id, state: .pass, finding: finding)
    }
    static func info(_ id: String, _ finding: String) -> DoctorCheck {
        DoctorCheck(id: id, state: .info, finding: finding)
    }
    static func warn(_ id: String, _ finding: String, remedy: String) -> DoctorCheck {
        DoctorCheck(id: id, state: .warn, finding: finding, remedy: remedy)
    }
    static func fail(_ id: String, _ finding: String, remedy: String) -> DoctorCheck {
        DoctorCheck(id: id, state: .fail, finding: finding, remedy: remedy)
    }

    private enum CodingKeys: String, CodingKey { case id, state, finding, remedy }

    /// Every key is there, `remedy` as null.
    func encode(to encoder: any Encoder) throws {
        var keys = encoder.container(keyedBy: CodingKeys.self)
        try keys.encode(id, forKey: .id)
        try keys.encode(state, forKey: .state)
        try keys.encode(finding, forKey: .finding)
        try keys.encode(remedy, forKey: .remedy)
    }
}

/// The checks, one function for each thing that is looked at. They decide from the facts that they are given and ask
/// nothing of the kernel.
enum DoctorChecks {
    /// `1 process`, `3 processes`.
    static func counted(_ count: Int, _ one: String, _ more: String? = nil) -> String {
        "\(count) \(count == 1 ? one : more ?? one + "s")"
    }

    /// At most five of them by name.
    static func listed(_ names: [String]) -> String {
        names.prefix(5).joined(separator: ", ") + (names.count > 5 ? " and \(names.count - 5) more" : "")
    }
}

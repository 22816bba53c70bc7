extension RuleSet {
    /// What the configuration says of rules as a whole; Falco's keys of the same names.
    package struct Options: Sendable {
        /// `rule_matching`: all rules that match an event alert, or the first in the order of the files only.
        package enum Matching: String, Sendable, CaseIterable {
            case all, first
        }

        package var matching = Matching.all
        /// `append_output`.
        package var appendOutput: [AppendOutput] = [AppendOutput(isSuggested: true)]
        /// `static_fields`: what `static.NAME` stands for in conditions and outputs.
        package var staticFields: [(name: String, value: String)] = []
        /// `rules`: which rules are switched on and off, the last word counts.
        package var selection: [Selection] = []

        package init() {}
    }

    /// What is added to the alerts of the rules that it matches.
    package struct AppendOutput: Sendable {
        /// Nil for any rule; else its name.
        package var rule: String?
        /// Nil for any source.
        package var source: String?
        /// The rule has all of them.
        package var tags: [String] = []
        /// `extra_output`: added to the output's text.
        package var output: String?
        /// `extra_fields`: a field by itself (`name` is the field, `output` nil), or a name for an output of its own.
        package var fields: [(name: String, output: String?)] = []
        /// `suggested_output`: who and where it was, as far as the rule's own output does not say.
        package var isSuggested: Bool

        package init(isSuggested: Bool = false) { self.isSuggested = isSuggested }

        func matches(name: String, source: String, tags: [String]) -> Bool {
            (rule == nil || rule == name) && (self.source == nil || self.source == source)
                && self.tags.allSatisfy(tags.contains)
        }
    }

    /// Switches rules on or off: those of a name in which `*` stands for anything, or those with a tag.
    package struct Selection: Sendable {
        package enum Subject: Sendable {
            case name(String)
            case tag(String)
        }

        package var subject: Subject
        package var isEnabled: Bool

        package init(_ subject: Subject, isEnabled: Bool) {
            self.subject = subject
            self.isEnabled = isEnabled
        }

        package func matches(name: String, tags: [String]) -> Bool {
            switch subject {
            case .tag(let tag): tags.contains(tag)
            case .name(let pattern): NamePattern(pattern).matches(name)
            }
        }
    }
}

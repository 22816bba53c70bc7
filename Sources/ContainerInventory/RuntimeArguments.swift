package import EventModel

/// What a runtime's command line says of the container it works on: `runc --root R create --bundle B ID`.
///
/// Only ever taken from a host's runtime binary outside containers, and as the word of the user who runs it
/// (`SetupState.uid`): a path that a user gives is read by the rules for his own files. Checked as if hostile: the id is
/// validated, the paths must be absolute.
package struct RuntimeArguments: Sendable, Equatable {
    package enum Verb: String, Sendable { case run, create, exec, restore }
    package var verb: Verb
    package var id: ContainerID
    /// `--root`: the directory of the runtime's state, absolute.
    package var root: String?
    /// `--bundle`, absolute; nil when not given (then the caller's working directory) or relative.
    package var bundle: String?

    package init(verb: Verb, id: ContainerID, root: String? = nil, bundle: String? = nil) {
        self.verb = verb
        self.id = id
        self.root = root
        self.bundle = bundle
    }

    /// Options of runc 1.0–1.3, crun 1.x and youki that take a value in the next argument when they have no `=`.
    private static let valued: Set<Substring> = [
        "root", "log", "log-format", "log-level", "criu", "rootless", "cgroup-manager", "bundle", "b", "console-socket",
        "pid-file", "preserve-fds", "config", "f", "cwd", "env", "e", "user", "u", "additional-gids", "g", "process",
        "p",
        "process-label", "apparmor", "cap", "c", "cgroup", "image-path", "work-path", "parent-path",
        "manage-cgroups-mode", "empty-ns", "lsm-profile", "lsm-mount-context",
    ]

    /// Nil when the words are not one of the four verbs with a valid id. The verb is the first word that is no option;
    /// the id of `exec` is the first word after it (the container's command follows), of the others the last.
    package static func parse(_ commandLine: [String]) -> RuntimeArguments? {
        var verb: Verb?
        var root: String?
        var bundle: String?
        var positional: String?
        var index = 1
        while index < commandLine.count {
            let word = commandLine[index]
            index += 1
            guard word.hasPrefix("-"), word.utf8.count > 1, word != "--" else {
                if word == "--" { continue }
                guard let known = verb else {
                    guard let first = Verb(rawValue: word) else { return nil }
                    verb = first
                    continue
                }
                positional = word
                if known == .exec { break }
                continue
            }
            // Both runtimes accept `-root` for `--root` (urfave/cli) and `--root=R`.
            let option = word.drop { $0 == "-" }
            let parts = option.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = parts.first else { continue }
            var value: String?
            if parts.count == 2 {
                value = String(parts[1])
            } else if valued.contains(name), index < commandLine.count {
                value = commandLine[index]
                index += 1
            }
            guard let value, value.hasPrefix("/"), !value.utf8.contains(0) else { continue }
            if name == "root" { root = value }
            if name == "bundle" || name == "b" { bundle = value }
        }
        guard let verb, let positional, let id = ContainerID(validating: positional) else { return nil }
        return RuntimeArguments(verb: verb, id: id, root: root, bundle: bundle)
    }
}

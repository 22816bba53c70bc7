import EventModel
import Glibc

extension Configuration {
    /// Where the agent keeps its socket and its state while it runs.
    func resolvedRuntimeDirectory(_ environment: [String: String]) -> String {
        runtimeDirectory ?? Self.first(environment["RUNTIME_DIRECTORY"]) ?? "/run/nodeagent"
    }

    func resolvedStateDirectory(_ environment: [String: String]) -> String {
        stateDirectory ?? Self.first(environment["STATE_DIRECTORY"]) ?? "/var/lib/nodeagent"
    }

    /// systemd gives a colon-separated list when a unit names several.
    private static func first(_ list: String?) -> String? { list?.split(separator: ":").first.map(String.init) }

    /// Where rules put their tarballs.
    ///
    /// - Parameter needed: some rule does; the directory is made then.
    func evidenceDirectory(needed: Bool) throws(CommandFailure) -> String {
        let state = resolvedStateDirectory(environment())
        let directory = evidence.directory ?? state + "/evidence"
        guard needed else { return directory }
        for path in evidence.directory == nil ? [state, directory] : [directory] {
            if unsafe mkdir(path, 0o700) != 0 && errno != EEXIST {
                throw CommandFailure(.failed, "cannot make the directory for evidence, \(path): \(errorText(errno))")
            }
        }
        return directory
    }
}

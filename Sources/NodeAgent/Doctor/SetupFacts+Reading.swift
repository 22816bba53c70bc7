import CLinux
import Detection
import Glibc
import LinuxSystem

extension SetupFacts {
    /// A directory may lie on a network's file system: nanoseconds until it is given up.
    private static let patience: UInt64 = 2_000_000_000

    /// The configuration and its rules.
    static func read(_ file: String) -> SetupFacts {
        var facts = SetupFacts(file: file)
        do throws(ConfigurationError) {
            facts.configuration = try ConfigurationReader.read(file)
        } catch {
            facts.configurationError = firstLine("\(error)")
            return facts
        }
        do {
            facts.rules = try LoadedRules(facts.configuration).rules
        } catch {
            // The first says that something is wrong, the second what.
            facts.rulesError = error.description.split(separator: "\n").prefix(2).last.map(String.init) ?? ""
        }
        let response = facts.configuration.response
        facts.collects = response.mode == .on && response.rules.contains { $0.actions.contains(.collect) }
        return facts
    }

    /// The directories that the configuration, or the command line, names.
    /// - Parameter agent: the pid of the running agent, for which another file system may lie there, or a read-only one.
    mutating func readDirectories(runtime: String, agent: Int32?, timed: TimedReader) {
        runtimeDirectory = Self.directory(runtime, nil, timed)
        let state = configuration.resolvedStateDirectory(environment())
        evidenceDirectory = Self.directory(configuration.evidence.directory ?? state + "/evidence", agent, timed)
    }

    private static func directory(_ path: String, _ agent: Int32?, _ timed: TimedReader) -> DirectoryFacts {
        timed.run(timeout: patience) { DirectoryFacts.read(path, agent) } ?? DirectoryFacts(path: path)
    }

    private static func firstLine(_ text: String) -> String { String(text.prefix { $0 != "\n" }) }
}

extension DirectoryFacts {
    fileprivate static func read(_ name: String, _ agent: Int32?) -> DirectoryFacts {
        var facts = DirectoryFacts(path: name)
        let path = agent.map { name.hasPrefix("/") ? ProcFilesystem().path($0, "root") + name : name } ?? name
        if let status = try? FileStatus.of(path) {
            facts.exists = true
            facts.isDirectory = status.isDirectory
            facts.isOpen = status.owner != 0 || status.mode & 0o022 != 0
        }
        // Where it is not made yet, what is above it has the space, and may be written or not.
        var place = path
        while !place.isEmpty {
            if let directory = try? OwnedDescriptor(opening: place, flags: CInt(NA_O_PATH) | CInt(NA_O_DIRECTORY)) {
                facts.isWritable = unsafe access(place, W_OK | X_OK) == 0
                var available: UInt64 = 0
                if unsafe na_space(directory.rawValue, &available, &facts.totalBytes) == 0 {
                    facts.availableBytes = available
                }
                break
            }
            guard place != "/", place != "." else { break }
            let above = place.lastIndex(of: "/").map { place[..<$0] } ?? "."
            place = above.isEmpty ? "/" : String(above)
        }
        return facts
    }
}

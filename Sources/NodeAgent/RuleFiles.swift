import Detection
import LinuxSystem

/// The rule files that a configuration names.
enum RuleFiles {
    /// - Throws: `ConfigurationError` for a file that cannot be read, `RuleErrors` for what is wrong in them.
    static func read(_ configuration: Configuration) throws -> RuleSet {
        var files: [(name: String, text: String)] = []
        for file in configuration.ruleFiles.flatMap(expanded) {
            files.append((name: file.path, text: try text(of: file)))
        }
        return try RuleSet(files: files)
    }

    /// A directory stands for its `*.yaml` files, in the order of their bytes; one that is not there is told as a file is.
    private static func expanded(_ entry: Configuration.RuleFile) -> [Configuration.RuleFile] {
        guard let names = try? directoryEntries(entry.path) else { return [entry] }
        let own = names.filter { $0.hasSuffix(".yaml") && !$0.hasPrefix(".") }
        return own.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.map {
            Configuration.RuleFile(path: entry.path + "/" + $0, place: entry.place)
        }
    }

    /// What is wrong with a rule file as a whole is told where the configuration names it.
    private static func text(of file: Configuration.RuleFile) throws(ConfigurationError) -> String {
        do {
            return try TextFile.read(file.path, limit: 8 << 20)
        } catch {
            guard error.place.line == 0 else { throw error }
            throw ConfigurationError(file.place, "the rule file '\(file.path)': \(error.message)")
        }
    }
}

internal import Yams

/// `required_engine_version` and `required_plugin_versions`.
enum EngineVersion {
    /// The version of Falco's engine whose language this is; a file that asks for a later one is refused.
    private static let own = [0, 63, 0]
    /// Falco's container plugin, whose fields are built in.
    private static let containerPlugin = [0, 7, 0]

    /// A number N stands for 0.N.0.
    static func check(_ keys: ItemKeys, _ yaml: RuleYAML) throws(RuleError) {
        let node = try keys.required("required_engine_version")
        let text = try keys.text("required_engine_version").text
        var written = text
        if !text.contains(".") { written = "0.\(text).0" }
        guard let version = version(written) else { throw yaml.error(node, "expected a version, as 0.57.0") }
        if own.lexicographicallyPrecedes(version) {
            throw yaml.error(node, "asks for version \(text) of the rule language; this one is \(joined(own))")
        }
    }

    /// One of the alternatives must be the container plugin, of a version that is no later one: no plugin can be loaded.
    static func checkPlugins(_ keys: ItemKeys, _ yaml: RuleYAML) throws(RuleError) {
        let node = try keys.required("required_plugin_versions")
        guard case .sequence(let sequence) = node else {
            throw yaml.error(node, "expected a list of plugins with `name` and `version`")
        }
        for plugin in sequence {
            let keys = try PluginKeys(plugin, yaml)
            var alternatives = [keys]
            if let node = keys.alternatives {
                guard case .sequence(let others) = node else { throw yaml.error(node, "expected a list of plugins") }
                for other in others { alternatives.append(try PluginKeys(other, yaml)) }
            }
            let isBuiltIn = alternatives.contains {
                $0.name == "container" && !containerPlugin.lexicographicallyPrecedes($0.version)
            }
            if !isBuiltIn {
                throw yaml.error(
                    plugin,
                    "asks for the plugin `\(keys.name)` \(joined(keys.version)); there is only `container` \(joined(containerPlugin))",
                    .unsupported)
            }
        }
    }

    private struct PluginKeys {
        var name = ""
        var version: [Int] = []
        var alternatives: Node?

        init(_ node: Node, _ yaml: RuleYAML) throws(RuleError) {
            guard case .mapping(let mapping) = node else {
                throw yaml.error(node, "expected a plugin with `name` and `version`")
            }
            for (key, value) in mapping {
                switch try yaml.scalar(key, of: "plugin").text {
                case "name": name = try yaml.scalar(value, of: "name").text
                case "version":
                    guard let found = EngineVersion.version(try yaml.scalar(value, of: "version").text) else {
                        throw yaml.error(value, "expected a version, as 0.4.0")
                    }
                    version = found
                case "alternatives": alternatives = value
                default: throw yaml.error(key, "expected `name`, `version` or `alternatives`")
                }
            }
            if name.isEmpty || version.isEmpty { throw yaml.error(node, "expected a plugin with `name` and `version`") }
        }
    }

    private static func joined(_ version: [Int]) -> String { version.map(String.init).joined(separator: ".") }

    private static func version(_ text: String) -> [Int]? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map { Int($0) }
        let version = parts.compactMap { $0 }
        guard parts.count == 3, version.count == 3, version.allSatisfy({ $0 >= 0 }) else { return nil }
        return version
    }
}

import ArgumentParser

/// Prints every key of the configuration, as docs/configuration.md has them.
struct ConfigurationCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "configuration", abstract: "Print the keys of the configuration.", shouldDisplay: false)

    func run() {
        print("| key | value | default | meaning | takes effect |\n|---|---|---|---|---|")
        for key in ConfigurationKey.all {
            let cells = [
                "`\(key.name)`", key.value.allowed, key.value.standard, key.meaning, key.takesEffect.rawValue,
            ]
            print("| \(cells.joined(separator: " | ")) |")
        }
    }
}

import ArgumentParser

/// Prints what each process of the program may ask of the kernel, as docs/confinement.md has it.
struct ConfinementCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "confinement", abstract: "Print the lists of system calls.", shouldDisplay: false)

    func run() {
        Self.table("Every process of the program", CallGroup.common)
        Self.table("`nodeagent run`, beside these", CallGroup.sensor)
        Self.table("`nodeagent deliver`, beside these", CallGroup.deliverer)
        Self.table("`nodeagent collect`, beside these", CallGroup.collector)
        Self.table("Only with `SWIFT_BACKTRACE=enable=yes`", CallGroup.backtrace)
        Self.table("Asking for one of these ends the process", [CallGroup.forbidden])
    }

    private static func table(_ title: String, _ groups: [CallGroup]) {
        print("### \(title)\n\n| who | calls | why | read in |\n|---|---|---|---|")
        for group in groups {
            let conditions = group.conditions.map(\.name).joined(separator: ", ")
            let calls = group.calls.joined(separator: " ") + (conditions.isEmpty ? "" : " (\(conditions))")
            print("| \(group.origin) | \(calls) | \(group.reason) | \(group.source) |")
        }
        print("")
    }
}

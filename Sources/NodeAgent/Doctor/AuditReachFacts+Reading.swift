import KernelEvents
import LinuxSystem

extension AuditReachFacts {
    /// - Parameter runtimeDirectory: has the settings as the agent found them, in `audit.state`.
    static func read(
        _ audit: AuditFacts, _ agent: AgentFacts, budget: RecordBudget, runtimeDirectory: String,
        proc: ProcFilesystem = ProcFilesystem()
    ) -> AuditReachFacts {
        var facts = AuditReachFacts(budget: budget)
        facts.readTasks(audit, runtimeDirectory, proc)
        facts.readRates(agent)
        return facts
    }

    private mutating func readTasks(_ audit: AuditFacts, _ runtimeDirectory: String, _ proc: ProcFilesystem) {
        let commandLine = (try? readFile("/proc/cmdline", limit: 64 << 10)) ?? []
        guard !Self.isOnAtBoot(String(decoding: commandLine, as: UTF8.self)) else {
            begin = .boot
            return
        }
        var ticks: UInt64?
        if let agent = audit.agent, Self.wasOff(runtimeDirectory + "/audit.state") {
            begin = .agent
            ticks = (try? proc.stat(agent))?.startTime
        } else if audit.status?.enabled == 0 {
            begin = .notYet
            ticks = .max
        } else if let daemon = audit.status?.daemon, daemon != 0, !audit.isAgentDaemon {
            begin = .daemon
            ticks = (try? proc.stat(Int32(bitPattern: daemon)))?.startTime
        }
        guard let ticks else {
            begin = .untold
            return
        }
        tasks = UnauditedTasks.count(before: ticks, proc: proc)
    }

    /// `audit=` of the kernel's own words: those behind `--` are init's. All but `0` and `off` is on.
    static func isOnAtBoot(_ commandLine: String) -> Bool {
        let words = commandLine.split(whereSeparator: \.isWhitespace).prefix { $0 != "--" }
        guard let value = words.last(where: { $0.hasPrefix("audit=") })?.dropFirst("audit=".count) else { return false }
        return value != "0" && value.lowercased() != "off"
    }

    private static func wasOff(_ stateFile: String) -> Bool {
        textLines((try? readFile(stateFile, limit: 4096)) ?? []).contains("enabled 0")
    }

    private mutating func readRates(_ agent: AgentFacts) {
        guard let first = agent.first, let last = agent.last, last.time > first.time else { return }
        let milliseconds = max(1, (last.time - first.time) / 1_000_000)
        func rate(_ counter: (AgentFacts.Reading) -> UInt64) -> UInt64 {
            // An agent that was started anew meanwhile counts from 0.
            let added = counter(last) - min(counter(first), counter(last))
            return min(added, 1 << 40) * 1000 / milliseconds
        }
        allRate = rate { $0.counters["audit_records"] ?? 0 }
        guard last.counters["audit_budget_applies"] == 1, let listing = agent.listing else { return }
        lastRate = rate(\.ownRecords)
        averageRate = last.ownRecords / max(1, listing.uptime)
    }
}

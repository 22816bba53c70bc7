import Detection
import EventModel
import KernelEvents
import LinuxSystem
import SystemPackage

extension AuditFacts {
    static func read(
        _ configuration: Configuration, _ rules: RuleSet?, agent: Int32?, proc: ProcFilesystem = ProcFilesystem()
    ) -> AuditFacts {
        var facts = AuditFacts(isWanted: configuration.audit.isEnabled, agent: agent)
        guard facts.isWanted else { return facts }
        do throws(SystemError) {
            let control = try AuditControl()
            let status = try control.status()
            facts.status = status
            facts.daemonComm = status.daemon == 0 ? nil : comm(Int32(bitPattern: status.daemon), proc)
            facts.rules = try control.standingRules()
        } catch {
            facts.failure = "\(error)"
            // What libaudit takes for a kernel without audit.
            let absent = [Errno.invalidArgument, .protocolNotSupported, .addressFamilyNotSupported]
            facts.isAbsent = facts.status == nil && absent.contains(error.errno)
        }
        facts.wantedGroups = rules.map { wanted($0, configuration) }
        facts.readListeners(proc)
        return facts
    }

    /// What the sensor installs for these rules.
    private static func wanted(_ rules: RuleSet, _ configuration: Configuration) -> Set<AuditRuleGroup> {
        let keys = Set(AuditRuleSet(plan: KernelPlan(rules, configuration).audit).rules.map(\.key))
        return Set(AuditRuleGroup.allCases.filter { keys.contains($0.key) })
    }

    /// By who holds the sockets: the port of a process' second socket is not its pid.
    private mutating func readListeners(_ proc: ProcFilesystem) {
        let sockets = AuditListeners.sockets()
        let holders = NetlinkSocket.holders(of: Set(sockets.map(\.inode)), proc: proc)
        for socket in sockets {
            let pids = holders[socket.inode] ?? []
            if let agent, pids.contains(agent) {
                listensBeside = true
                continue
            }
            // systemd keeps the socket that it made for a service.
            let named = Int32(exactly: socket.port) ?? 0
            let pid = pids.first { $0 != 1 } ?? pids.first ?? max(0, named)
            listeners.append(Listener(pid: pid, comm: Self.comm(pid, proc) ?? "-"))
        }
    }

    /// A process chose it.
    private static func comm(_ pid: Int32, _ proc: ProcFilesystem) -> String? { (try? proc.stat(pid))?.comm }
}

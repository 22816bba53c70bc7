import KernelEvents
import LinuxSystem

/// Looks at the host and at the running agent, and has the checks decide. Changes nothing: no rule is added, no seat
/// taken, no setting touched.
struct DoctorProbe {
    let config: String
    /// Nil: the configuration's.
    let runtimeDirectory: String?

    /// In the order in which they are printed.
    func checks() -> [DoctorCheck] {
        let timed = TimedReader()
        var setup = SetupFacts.read(config)
        let configuration = setup.configuration
        let directory = runtimeDirectory ?? configuration.resolvedRuntimeDirectory(environment())
        var agent = AgentFacts.read(runtimeDirectory: directory)
        setup.readDirectories(runtime: directory, agent: agent.pid, timed: timed)
        setup.hasAgent = agent.listing != nil
        let marks = agent.pid.flatMap { StandingMarks.read(of: $0) }
        let containers = ContainerFacts.read(configuration, setup.rules, agent, marks: marks, timed: timed)
        let metrics = MetricsFacts.read(configuration.metrics, hasAgent: agent.pid != nil, timed: timed)
        let audit = AuditFacts.read(configuration, setup.rules, agent: agent.pid)
        agent.readAgain()
        let reach = AuditReachFacts.read(
            audit, agent, budget: configuration.audit.budget, runtimeDirectory: directory)
        let isAudited = audit.isWanted && audit.status != nil

        var checks = DoctorChecks.host(HostFacts.read(agent: agent.pid, timed: timed))
        checks += DoctorChecks.setup(setup)
        checks += DoctorChecks.agent(agent)
        checks.append(DoctorChecks.metrics(metrics))
        checks += DoctorChecks.audit(audit)
        if isAudited { checks += [DoctorChecks.tasks(reach), DoctorChecks.auditRate(reach)].compactMap { $0 } }
        checks += DoctorChecks.files(FileFacts.read(configuration, marks: marks))
        checks += DoctorChecks.processes(ProcessSourceFacts.read(configuration, agent: agent.pid, timed: timed))
        checks += DoctorChecks.containers(containers)
        checks += DoctorChecks.confinement(ConfinementFacts.read(configuration, agent: agent.pid))
        return checks
    }
}

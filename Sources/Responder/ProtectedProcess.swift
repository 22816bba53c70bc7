package import EventModel

/// Why an action may not touch a process, whatever a rule says. Actions are off until the configuration switches them on;
/// this holds for each of them.
package enum ProtectedProcess: Equatable, Sendable {
    case initProcess
    case agentItself
    case runtime
    case outsideContainers

    /// Nil when the process may be acted on: it is a container's, and not one of the above.
    ///
    /// - Parameter agent: pids of the agent's own processes.
    package init?(_ process: ProcessRecord, agent: Set<Int32>) {
        if process.key.pid == 1 {
            self = .initProcess
        } else if agent.contains(process.key.pid) {
            self = .agentItself
        } else if process.isContainerSetup {
            self = .runtime
        } else if process.containerID == nil {
            self = .outsideContainers
        } else {
            return nil
        }
    }
}

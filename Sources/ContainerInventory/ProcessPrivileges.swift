package import EventModel
private import LinuxSystem

/// A process of a container with other rights than its container: `exec --privileged`.
package struct ProcessPrivileges: Sendable, Equatable {
    package var pid: Int32
    package var comm: String
    package var verdict: PrivilegeVerdict
    package var reasons: [String]
}

extension ContainerReader {
    /// The processes of a container whose rights go beyond its first process', as they are now. At most 4,096 are looked
    /// at; a dozen reads each.
    package func deviations(in container: Container) -> [ProcessPrivileges] {
        guard let facts = container.privileges?.facts, container.cgroupPath.utf8.count > 1 else { return [] }
        var found: [ProcessPrivileges] = []
        for pid in tree.processes(in: container.cgroupPath) where pid != container.initProcess?.pid {
            guard let view = view(ofProcess: pid), let judged = facts.verdict(ofProcess: view), !isRuntime(pid)
            else { continue }
            let comm = (try? proc.stat(pid).comm) ?? ""
            found.append(
                ProcessPrivileges(pid: pid, comm: comm, verdict: judged.verdict, reasons: judged.reasons))
        }
        return found
    }

    /// A runtime that is about to become a process of the container has the host's rights, by right; so has, for all that is
    /// known, what does not show what it runs.
    func isRuntime(_ pid: Int32) -> Bool {
        let path = (try? readLink(proc.path(pid, "exe"))) ?? ""
        let executable = try? proc.executable(pid)
        return path.isEmpty || path.hasPrefix("/memfd:") || (executable.map(host.runtimeBinaries.contains) ?? false)
    }

    /// The names of a container's programs; a program chooses its own.
    package func commands(in container: Container) -> Set<String> {
        guard container.cgroupPath.utf8.count > 1 else { return [] }
        var names: Set<String> = []
        for pid in tree.processes(in: container.cgroupPath) {
            if let comm = try? proc.stat(pid).comm { names.insert(comm) }
        }
        return names
    }
}

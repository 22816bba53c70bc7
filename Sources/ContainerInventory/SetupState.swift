package import EventModel

/// A runtime that sets a container up: its acts are the runtime's, not the container's.
///
/// Begins at the exec of a runtime binary of the host by a process outside containers; forks inherit it; ends for ever at
/// the first exec of anything else. Decided by device, inode and namespaces: a name or comm never matters.
package struct SetupState: Sendable, Equatable {
    /// The mount namespace in which the runtime was started: the host's, or the engine daemon's own. As long as an exec
    /// happens in it, no file of the container was in reach.
    package var mountNamespace: NamespaceID
    /// `ContainerCgroup.principalPath` at the start; a container whose cgroup is still this one has none of its own.
    package var cgroupPath: String
    /// `/proc/PID/exe` of the latest exec within the state; what it was before where a runtime runs a sealed copy of
    /// itself, or itself from a detached mount (whose path is `/`).
    package var executablePath: String
    package var arguments: RuntimeArguments?

    package init(
        mountNamespace: NamespaceID, cgroupPath: String, executablePath: String, arguments: RuntimeArguments? = nil
    ) {
        self.mountNamespace = mountNamespace
        self.cgroupPath = cgroupPath
        self.executablePath = executablePath
        self.arguments = arguments
    }

    /// The state after an exec.
    /// - Parameters:
    ///   - current: the state before; nil outside setup.
    ///   - facts: the process after the exec; nil when it was gone before it was read. Then the state ends: a command that
    ///     lives shorter than a read must not inherit a runtime's immunity.
    ///   - isInContainer: whether the process was a container's before the exec, by cgroup or by the table.
    package static func afterExec(
        _ current: SetupState?, facts: ProcessFacts?, isInContainer: Bool, host: HostIdentity
    ) -> SetupState? {
        guard let facts, let mountNamespace = facts.mountNamespace else { return nil }
        let isRuntime = facts.executable.map(host.runtimeBinaries.contains) ?? false
        if var current {
            // runc and crun run a sealed copy of themselves (CVE-2019-5736): another inode, on no mount. The exec of
            // /proc/self/exe as a container's entrypoint shows the host's runc as well, but from the container's mounts.
            let isCopy = facts.executablePath.hasPrefix("/memfd:")
            guard mountNamespace == current.mountNamespace, isRuntime || isCopy else { return nil }
            if !isCopy, facts.executablePath != "/" { current.executablePath = facts.executablePath }
            if let arguments = RuntimeArguments.parse(facts.commandLine) { current.arguments = arguments }
            return current
        }
        // A container with the host's file system mounted can run the host's runc, as can one with the host's pids.
        guard isRuntime, !isInContainer, facts.isCgroupKnown, facts.pidNamespace == host.pidNamespace else {
            return nil
        }
        return SetupState(
            mountNamespace: mountNamespace, cgroupPath: facts.cgroupPath, executablePath: facts.executablePath,
            arguments: RuntimeArguments.parse(facts.commandLine))
    }
}

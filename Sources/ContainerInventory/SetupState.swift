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
    /// Effective uid, in the initial user namespace, of who started the runtime; nil where that is not known. Anybody may
    /// execute it: what it was told is that user's word, and root's with uid 0 alone.
    package var uid: UInt32?
    /// Nil as well where the uid is not known.
    package var arguments: RuntimeArguments?

    package init(
        mountNamespace: NamespaceID, cgroupPath: String, executablePath: String, uid: UInt32? = nil,
        arguments: RuntimeArguments? = nil
    ) {
        self.mountNamespace = mountNamespace
        self.cgroupPath = cgroupPath
        self.executablePath = executablePath
        self.uid = uid
        self.arguments = arguments
    }

    /// Whose container it sets up: by the runtime's uid, and where that is not known by the container's cgroup; nil: root's.
    func user(inCgroup path: String) -> UInt32? {
        guard let uid else { return RootlessUser.uid(ofCgroup: path) }
        return uid == 0 ? nil : uid
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
            if current.uid != nil, let arguments = RuntimeArguments.parse(facts.commandLine) {
                current.arguments = arguments
            }
            return current
        }
        // A container with the host's file system mounted can run the host's runc, as can one with the host's pids.
        guard isRuntime, !isInContainer, facts.isCgroupKnown, facts.pidNamespace == host.pidNamespace else {
            return nil
        }
        let uid = facts.uid == .max ? nil : facts.uid
        return SetupState(
            mountNamespace: mountNamespace, cgroupPath: facts.cgroupPath, executablePath: facts.executablePath,
            uid: uid,
            arguments: uid == nil ? nil : RuntimeArguments.parse(facts.commandLine))
    }
}

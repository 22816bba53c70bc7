package import ContainerInventory
package import EventModel
package import LinuxSystem
private import SystemPackage

/// What may never be acted on, whoever asks.
package enum ProtectedProcess: Equatable, Sendable, CustomStringConvertible {
    case initProcess
    case agent
    case agentAncestor
    /// An OCI runtime of the host at work.
    case runtime
    /// A host's service by its file: an engine, a monitor, a shim, sshd, systemd.
    case hostService(String)
    /// In the host's mount namespace, in a cgroup whose name no engine wrote.
    case hostProcess
    /// It lives, and the kernel does not let the agent see which file it runs.
    case unreadable

    package var description: String {
        switch self {
        case .initProcess: "the host's first process"
        case .agent: "a process of the agent"
        case .agentAncestor: "a process that started the agent"
        case .runtime: "a container runtime of the host"
        case .hostService(let name): "the host's \(name)"
        case .hostProcess: "a process of the host"
        case .unreadable: "a process that cannot be read"
        }
    }
}

/// What is read of a process right before an action.
package struct ScopeProcess: Sendable, Equatable {
    package var key: ProcessKey
    /// Nil with `isReadable`: it is on its way out.
    package var mountNamespace: NamespaceID?
    package var executable: FileID?
    package var isReadable: Bool

    package init(
        key: ProcessKey, mountNamespace: NamespaceID?, executable: FileID?, isReadable: Bool = true
    ) {
        self.key = key
        self.mountNamespace = mountNamespace
        self.executable = executable
        self.isReadable = isReadable
    }

    /// The executable is asked for only where it can matter: stat(2) of a file on a container's FUSE can hang.
    ///
    /// - Returns: nil when the process has ended.
    package init?(reading pid: Int32, _ protection: Protection, proc: ProcFilesystem) {
        guard let stat = try? proc.stat(pid), stat.state != "Z", stat.state != "X" else { return nil }
        key = ProcessKey(pid: pid, startTime: stat.startTime)
        isReadable = true
        do throws(SystemError) {
            let namespace = try proc.namespace(pid, "mnt")
            mountNamespace = namespace
            if protection.isTrusted(namespace) { executable = try proc.executable(pid) }
        } catch {
            // EACCES is said of a process without a right to it, and of one that ended between two reads.
            if error.errno == .permissionDenied || error.errno == .notPermitted {
                guard let again = try? proc.stat(pid), again.startTime == stat.startTime, again.state != "Z",
                    again.state != "X"
                else { return nil }
                isReadable = false
            }
        }
    }
}

/// Decides by device and inode of the host's files in the host's mount namespace, never by a name: a container's process
/// may call itself sshd as it likes, and stays a container's.
package struct Protection: Sendable {
    package var hostMountNamespace: NamespaceID
    /// The agent's own processes.
    package var agent: Set<Int32>
    /// What started the agent, up to pid 1.
    package var ancestors: Set<Int32>
    /// The agent's own file; its processes may have a mount namespace of their own.
    package var agentExecutable: FileID?
    package var agentMountNamespace: NamespaceID?
    package var runtimes: Set<FileID>
    package var binaries: ProtectedBinaries

    /// Read now: ancestors change when one of them ends, binaries when a package is upgraded.
    package init(
        host: HostIdentity, agent: Set<Int32>, ownPID: Int32, binaries: ProtectedBinaries, proc: ProcFilesystem
    ) {
        hostMountNamespace = host.mountNamespace
        self.agent = agent.union([ownPID])
        ancestors = Self.ancestors(of: ownPID, proc: proc)
        agentExecutable = try? proc.executable(ownPID)
        agentMountNamespace = try? proc.namespace(ownPID, "mnt")
        runtimes = host.runtimeBinaries
        self.binaries = binaries
    }

    /// Nil: nothing speaks against acting on it.
    ///
    /// - Parameter isFreeName: the scope's name is no engine's, so that any process of the host in it is one too many.
    package func reason(_ process: ScopeProcess, isFreeName: Bool = false) -> ProtectedProcess? {
        if process.key.pid == 1 { return .initProcess }
        if agent.contains(process.key.pid) { return .agent }
        if ancestors.contains(process.key.pid) { return .agentAncestor }
        guard process.isReadable else { return .unreadable }
        guard let namespace = process.mountNamespace else { return nil }
        let isHosts = namespace == hostMountNamespace
        if let executable = process.executable {
            if executable == agentExecutable, isHosts || namespace == agentMountNamespace { return .agent }
            if isHosts {
                if runtimes.contains(executable) { return .runtime }
                if let name = binaries.names[executable] { return .hostService(name) }
            }
        }
        return isFreeName && isHosts ? .hostProcess : nil
    }

    /// In which the files of the host and of the agent are what they seem.
    func isTrusted(_ namespace: NamespaceID) -> Bool {
        namespace == hostMountNamespace || namespace == agentMountNamespace
    }

    /// What is protected by its number alone.
    var numbered: [(pid: Int32, reason: ProtectedProcess)] {
        [(1, .initProcess)] + agent.sorted().map { ($0, .agent) } + ancestors.sorted().map { ($0, .agentAncestor) }
    }

    /// Cheap, and true of few: whether `reason` can say anything by what the process runs.
    func mayProtect(_ pid: Int32, proc: ProcFilesystem) -> Bool {
        do throws(SystemError) {
            return isTrusted(try proc.namespace(pid, "mnt"))
        } catch {
            return error.errno == .permissionDenied || error.errno == .notPermitted
        }
    }

    /// What stands above a container's first process, and is the parent of what the container's processes leave behind.
    func isMonitor(_ executable: FileID) -> Bool {
        if runtimes.contains(executable) { return true }
        return binaries.names[executable].map { $0.hasPrefix("conmon") || $0.hasPrefix("containerd-shim") } ?? false
    }

    private static func ancestors(of pid: Int32, proc: ProcFilesystem) -> Set<Int32> {
        var found: Set<Int32> = []
        var next = pid
        while let parent = try? proc.stat(next).parentPID, parent > 0, found.insert(parent).inserted { next = parent }
        return found
    }
}

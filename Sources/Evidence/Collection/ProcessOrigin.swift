package import EventModel
package import LinuxSystem

/// Whose a process is that lies in a container's cgroups: a privileged container can write the pid of any process of the
/// host's into its `cgroup.procs`, and what that one holds (environment, deleted files, program) is the host's.
///
/// A visitor has the host's mount namespace or the host's root directory, which a service with a mount namespace of its own
/// has as well. It is the container's all the same in the container's pid namespace, or below its first process: what has
/// escaped is its own.
package struct ProcessOrigin {
    private let proc: ProcFilesystem
    private let hostMountNamespace: UInt64?
    private let hostRoot: FileID?
    /// Nil: it has none of its own.
    private let pidNamespace: UInt64?
    private let first: Int32?
    private static let mostAncestors = 1024

    /// - Parameters:
    ///   - reference: a process of the host's: 1, or the agent where that cannot be read.
    ///   - first: the container's first process, if it lives.
    package init(proc: ProcFilesystem, reference: Int32, pidNamespace: NamespaceID?, first: Int32?) {
        self.proc = proc
        hostMountNamespace = try? proc.namespaceNumber(reference, "mnt")
        hostRoot = try? FileStatus.of(proc.path(reference, "root")).file
        let hostPidNamespace = try? proc.namespaceNumber(reference, "pid")
        let own = pidNamespace?.rawValue ?? first.flatMap { try? proc.namespaceNumber($0, "pid") }
        self.pidNamespace = own == hostPidNamespace ? nil : own
        self.first = first
    }

    package func isVisitor(_ pid: Int32) -> Bool {
        guard pid != first else { return false }
        let root = try? FileStatus.of(proc.path(pid, "root")).file
        let namespace = try? proc.namespaceNumber(pid, "mnt")
        let isHosts = root != nil && root == hostRoot || namespace != nil && namespace == hostMountNamespace
        guard isHosts else { return false }
        if let pidNamespace, (try? proc.namespaceNumber(pid, "pid")) == pidNamespace { return false }
        return !descends(pid)
    }

    private func descends(_ pid: Int32) -> Bool {
        guard let first else { return false }
        var at = pid
        for _ in 0..<Self.mostAncestors {
            guard let parent = (try? proc.stat(at))?.parentPID, parent > 1 || parent == first else { return false }
            if parent == first { return true }
            at = parent
        }
        return false
    }
}

/// What is known of one process. Made at fork or exec, kept 30 s after its exit.
package struct ProcessRecord: Sendable {
    package var key: ProcessKey
    package var parentPID: Int32
    /// 15 bytes at most, chosen by the process: for display, never to decide.
    package var comm: String
    /// The executable's file, the host's device and inode numbers; nil where it could not be read in time.
    package var executable: FileID?
    /// As `/proc/PID/exe` reads: a path in the process' own mount namespace.
    package var executablePath: String
    /// At most 4,096 bytes of `/proc/PID/cmdline`, split at its NULs; what the process shows, never to decide.
    package var commandLine: [String]
    package var containerID: ContainerID?
    /// A runtime that sets a container up: begins at the exec of a runtime binary outside containers, known by the host's
    /// device and inode, is inherited by fork, ends for ever at the first exec from the container's root.
    package var isContainerSetup: Bool
    /// pid in the process' own, innermost pid namespace; 0 where not known.
    package var namespacedPID: Int32
    package var uid: UInt32
    /// Nil where they could not be read.
    package var capabilities: ProcessCapabilities?
    package var executableTimes: FileTimes?
    /// CLOCK_MONOTONIC nanoseconds of its exit; nil while it lives.
    package var exitedAt: UInt64?

    package init(
        key: ProcessKey, parentPID: Int32, comm: String = "", executable: FileID? = nil, executablePath: String = "",
        commandLine: [String] = [], containerID: ContainerID? = nil, isContainerSetup: Bool = false,
        namespacedPID: Int32 = 0, uid: UInt32 = .max, exitedAt: UInt64? = nil
    ) {
        self.key = key
        self.parentPID = parentPID
        self.comm = comm
        self.executable = executable
        self.executablePath = executablePath
        self.commandLine = commandLine
        self.containerID = containerID
        self.isContainerSetup = isContainerSetup
        self.namespacedPID = namespacedPID
        self.uid = uid
        self.exitedAt = exitedAt
    }
}

/// The capabilities of a process' first thread.
package struct ProcessCapabilities: Equatable, Sendable {
    package var permitted: CapabilitySet
    package var effective: CapabilitySet
    package var inheritable: CapabilitySet
    package init(permitted: CapabilitySet, effective: CapabilitySet, inheritable: CapabilitySet) {
        self.permitted = permitted
        self.effective = effective
        self.inheritable = inheritable
    }
}

/// When a file changed, nanoseconds since the epoch.
package struct FileTimes: Equatable, Sendable {
    /// Its content.
    package var modified: UInt64
    /// Content, owner, mode or links.
    package var changed: UInt64
    package init(modified: UInt64, changed: UInt64) {
        self.modified = modified
        self.changed = changed
    }
}

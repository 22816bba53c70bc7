package import EventModel
package import LinuxSystem

/// One process as /proc shows it at one moment. Every part but the key can be missing: the process may end between two
/// reads.
package struct ProcessFacts: Sendable, Equatable {
    package var key: ProcessKey
    package var parentPID: Int32
    package var comm: String
    package var executable: FileID?
    /// As `/proc/PID/exe` reads; empty where it could not be read.
    package var executablePath: String
    /// At most 4,096 bytes.
    package var commandLine: [String]
    /// False when `/proc/PID/cgroup` could not be read, or told nothing any more: then `cgroup` nil says nothing.
    package var isCgroupKnown: Bool
    /// What the cgroup paths name; nil for a path of no engine (the host's own, or raw runc's).
    package var cgroup: ContainerCgroup?
    /// `ContainerCgroup.principalPath`.
    package var cgroupPath: String
    /// Its cgroup in each hierarchy.
    package var memberships: [CgroupMembership]
    package var root: FileID?
    package var mountNamespace: NamespaceID?
    package var pidNamespace: NamespaceID?
    /// In the innermost pid namespace; 0 where not known.
    package var namespacedPID: Int32
    /// Effective uid in the initial user namespace; `UInt32.max` where not known.
    package var uid: UInt32
    package var capabilities: ProcessCapabilities?
    package var executableTimes: FileTimes?

    package init(
        key: ProcessKey, parentPID: Int32, comm: String = "", executable: FileID? = nil, executablePath: String = "",
        commandLine: [String] = [], isCgroupKnown: Bool = true, cgroup: ContainerCgroup? = nil,
        cgroupPath: String = "/", memberships: [CgroupMembership] = [], root: FileID? = nil,
        mountNamespace: NamespaceID? = nil, pidNamespace: NamespaceID? = nil, namespacedPID: Int32 = 0,
        uid: UInt32 = .max
    ) {
        self.key = key
        self.parentPID = parentPID
        self.comm = comm
        self.executable = executable
        self.executablePath = executablePath
        self.commandLine = commandLine
        self.isCgroupKnown = isCgroupKnown
        self.cgroup = cgroup
        self.cgroupPath = cgroupPath
        self.memberships = memberships
        self.root = root
        self.mountNamespace = mountNamespace
        self.pidNamespace = pidNamespace
        self.namespacedPID = namespacedPID
        self.uid = uid
    }
}

/// What the process connector tells, with what was read of the process when it told. Pids are thread group ids.
package enum ProcessChange: Sendable {
    case fork(child: Int32, parent: Int32)
    /// `facts` nil: the process was gone before it could be read. `time`: the kernel's stamp of the exec, CLOCK_MONOTONIC
    /// nanoseconds (the connector's `timestamp_ns`); 0 where not told.
    case exec(pid: Int32, facts: ProcessFacts?, time: UInt64 = 0)
    case exit(pid: Int32)
}

/// Reads processes out of /proc. Blocking; a handful of system calls a process.
package struct ProcessReader: Sendable {
    package let proc: ProcFilesystem

    package init(proc: ProcFilesystem) { self.proc = proc }

    /// Nil when the process is gone, or is a zombie whose memory, files and cgroup are.
    package func read(_ pid: Int32) -> ProcessFacts? {
        guard pid > 0, let stat = try? proc.stat(pid), stat.state != "Z", stat.state != "X" else { return nil }
        var facts = ProcessFacts(
            key: ProcessKey(pid: pid, startTime: stat.startTime), parentPID: stat.parentPID, comm: stat.comm)
        // In the order in which a short-lived process loses what the facts are read from.
        facts.commandLine = (try? proc.commandLine(pid)) ?? []
        takeCgroups(into: &facts)
        let executable = try? FileStatus.of(proc.path(pid, "exe"))
        facts.executable = executable?.file
        facts.executableTimes = executable?.times
        facts.executablePath = (try? readLink(proc.path(pid, "exe"))) ?? ""
        facts.mountNamespace = try? proc.namespaceByLink(pid, "mnt")
        facts.pidNamespace = try? proc.namespaceByLink(pid, "pid")
        if let status = try? readFile(proc.path(pid, "status"), limit: 1 << 20) {
            facts.namespacedPID = Self.number("NSpid:", in: status, at: .max).flatMap { Int32(exactly: $0) } ?? 0
            facts.uid = Self.number("Uid:", in: status, at: 1).flatMap { UInt32(exactly: $0) } ?? .max
            facts.capabilities = Self.capabilities(in: status)
        }
        facts.root = try? FileStatus.of(proc.path(pid, "root")).file
        return facts
    }

    /// The same of its cgroups alone: two files, and nothing in them that a container can hold up.
    package func readCgroups(_ pid: Int32) -> ProcessFacts? {
        guard pid > 0, let stat = try? proc.stat(pid), stat.state != "Z", stat.state != "X" else { return nil }
        var facts = ProcessFacts(
            key: ProcessKey(pid: pid, startTime: stat.startTime), parentPID: stat.parentPID, comm: stat.comm)
        takeCgroups(into: &facts)
        return facts
    }

    private func takeCgroups(into facts: inout ProcessFacts) {
        let memberships = memberships(facts.key.pid)
        guard !memberships.isEmpty else {
            facts.isCgroupKnown = false
            return
        }
        facts.cgroup = ContainerCgroup.classify(memberships)
        facts.cgroupPath = ContainerCgroup.principalPath(memberships)
        facts.memberships = memberships
    }

    /// The lines of `/proc/PID/cgroup` that can be believed. Of a process that is ending v1 shows the root, wherever it
    /// is, and v2 adds a word to the path once the cgroup is gone (docs/kernel-facts.md, P14): it has moved nowhere.
    private func memberships(_ pid: Int32) -> [CgroupMembership] {
        guard var memberships = try? proc.cgroups(pid) else { return [] }
        // A process ends once and for all: one that is not ending now was not when the file was read.
        if memberships.contains(where: Self.isOfTheEnding), (try? proc.stat(pid))?.isExiting ?? true {
            memberships.removeAll { $0.hierarchy != 0 || $0.path == "/" || Self.isOfTheEnding($0) }
        }
        return memberships
    }

    private static func isOfTheEnding(_ membership: CgroupMembership) -> Bool {
        membership.hierarchy == 0 ? membership.path.hasSuffix(" (deleted)") : membership.path == "/"
    }

    /// Every process that can be read now.
    package func readAll() throws(SystemError) -> [ProcessFacts] {
        try proc.processes().compactMap { read($0) }
    }

    /// Whether a process of this pid exists, zombies included.
    func exists(_ pid: Int32) -> Bool { (try? FileStatus.of(proc.path(pid, "stat"))) != nil }

    private static func capabilities(in status: [UInt8]) -> ProcessCapabilities? {
        guard let inheritable = number("CapInh:", in: status, at: 0, radix: 16),
            let permitted = number("CapPrm:", in: status, at: 0, radix: 16),
            let effective = number("CapEff:", in: status, at: 0, radix: 16)
        else { return nil }
        return ProcessCapabilities(
            permitted: CapabilitySet(rawValue: permitted), effective: CapabilitySet(rawValue: effective),
            inheritable: CapabilitySet(rawValue: inheritable))
    }

    /// A number of a line of `/proc/PID/status`, `NSpid:	20636	1`, counted from 0; the last one where there are fewer (of
    /// NSpid that is the innermost namespace's). By bytes: a dictionary of all lines takes five times the reading.
    static func number(_ name: String, in status: [UInt8], at index: Int, radix: Int = 10) -> UInt64? {
        var position = 0
        while position < status.count {
            let end = status[position...].firstIndex(of: UInt8(ascii: "\n")) ?? status.count
            if status[position..<end].starts(with: name.utf8) {
                let fields = status[(position + name.utf8.count)..<end].split(separator: UInt8(ascii: "\t"))
                guard !fields.isEmpty else { return nil }
                return UInt64(String(decoding: fields[min(index, fields.count - 1)], as: UTF8.self), radix: radix)
            }
            position = end + 1
        }
        return nil
    }
}

/// What a field of the rule language is.
package struct FieldDescription: Sendable {
    package enum ValueType: String, Sendable {
        case text, number, boolean
        /// Content, compared as bytes.
        case buffer
        /// An IP address, and one that is compared with networks (`10.0.0.0/8`).
        case address, network
    }

    /// When a field's value is known.
    package enum Phase: Sendable {
        /// With the event alone.
        case event
        /// Once the inventory has said who did it.
        case attribution
    }

    package let id: FieldID
    package let type: ValueType
    package let phase: Phase
    package let description: String
    package let example: String
    /// Whether a source here tells it; else it is known only so that rules of Falco's load, and it is always missing.
    package let isFed: Bool
    package var name: String { id.rawValue }

    init(
        _ id: FieldID, _ type: ValueType, _ phase: Phase, _ description: String, _ example: String
    ) {
        self.id = id
        self.type = type
        self.phase = phase
        self.description = description
        self.example = example
        isFed = true
    }

    init(unfed id: FieldID, _ type: ValueType, _ description: String, _ example: String) {
        self.id = id
        self.type = type
        phase = .event
        self.description = description
        self.example = example
        isFed = false
    }
}

/// Every field that rules can name: the one table behind compilation, `--list` and the documentation.
package enum FieldCatalog {
    /// The fields that have values.
    package static let fed: [FieldDescription] = shared + calls

    /// Those of the event, its file, and who did it.
    private static let shared: [FieldDescription] = [
        .init(.evtType, .text, .event, "What happened: the call, `write`, `container` or `cgroup_leave`", "openat"),
        .init(.evtTime, .number, .event, "Nanoseconds since the epoch, the kernel's", "1748557198960296886"),
        .init(.evtNum, .number, .event, "Serial of the audit event; as in Falco it is never 0 to a condition", "4711"),
        .init(.evtRes, .text, .event, "SUCCESS, or the error's name", "EACCES"),
        .init(.evtRawres, .number, .event, "Return value of the call, minus the error's number on failure", "-13"),
        .init(.evtFailed, .boolean, .event, "Whether the call failed", "true"),
        .init(.evtIsOpenRead, .boolean, .event, "Opened for reading; missing where the source does not tell", "true"),
        .init(.evtIsOpenWrite, .boolean, .event, "Opened for writing; missing where the source does not tell", "true"),
        .init(.evtIsOpenPath, .boolean, .event, "Opened with O_PATH, which gives no access to the content", "false"),
        .init(.evtIsIOUring, .boolean, .event, "Asked for through io_uring", "false"),
        .init(.evtIsComplete, .boolean, .event, "All records of the event arrived", "true"),
        .init(.evtSource, .text, .event, "Who told: audit, fanotify, connector, inventory", "audit"),
        .init(
            .evtArgFlags, .text, .event, "Open flags, joined by |; of an exec, what its program is", "O_RDWR|O_CLOEXEC"),
        .init(.evtArgMode, .text, .event, "Mode argument of creat, mknod and chmod, octal", "060660"),
        .init(.evtArgCmd, .text, .event, "Command of fsconfig and bpf", "FSCONFIG_CMD_CREATE"),
        .init(
            .evtArgCgroups, .text, .event,
            "Of a cgroup_leave: the cgroups outside in which the process is now, by controllers; v2 is unified",
            "freezer=/ devices=/"),
        .init(.evtDir, .text, .event, "Always <: a call is told of when it returned. Older rules ask for it", "<"),
        .init(.evtRawtime, .number, .event, "The same as evt.time", "1748557198960296886"),
        .init(.syscallType, .text, .event, "evt.type of a call, missing for what is none", "openat"),
        .init(.fdName, .text, .event, "Path of the file, as the kernel has it", "/etc/shadow"),
        .init(.fdNameraw, .text, .event, "Path as the caller wrote it", "../etc/shadow"),
        .init(.fdFilename, .text, .event, "Last component of fd.name, else of fd.nameraw", "shadow"),
        .init(.fdDirectory, .text, .event, "Directory of fd.name, else of fd.nameraw", "/etc"),
        .init(.fdNum, .number, .event, "Descriptor that an open returned, -1 when it failed", "3"),
        .init(.fdTypechar, .text, .event, "f for a file, 4, 6 and u for sockets", "f"),
        .init(.fdFstype, .text, .event, "proc, sysfs, cgroup or cgroup2; missing for others", "proc"),
        .init(.fdProcPID, .number, .event, "The pid in a path below /proc, in that procfs' namespace", "1"),
        .init(
            .fdProcSameContainer, .boolean, .attribution,
            "The process whose procfs entry it is lies in the actor's container", "true"),
        .init(.fdProcIsSelf, .boolean, .attribution, "The procfs entry is the actor's own", "false"),
        .init(.fdIno, .number, .event, "The same as file.inode", "131"),
        .init(.fdDevMajor, .number, .event, "Device that the file lies on, its major number", "8"),
        .init(.fdDevMinor, .number, .event, "Device that the file lies on, its minor number", "1"),
        .init(
            .fileType, .text, .event, "block, character, regular, directory, symlink, fifo or socket, by the inode",
            "block"),
        .init(.fileDevice, .text, .event, "Device that the file lies on", "8:1"),
        .init(.fileNode, .text, .event, "Device that a block or character node stands for", "8:1"),
        .init(.fileInode, .number, .event, "Inode number", "131"),
        .init(.nodeType, .text, .event, "Type of file that mknod is to make, named as in file.type", "block"),
        .init(.userUID, .number, .event, "User id, in the host's namespace", "0"),
        .init(.userName, .text, .attribution, "Name of user.uid on the host", "root"),
        .init(.userLoginuid, .number, .event, "User that logged in, -1 where nobody did", "1000"),
        .init(.groupGID, .number, .event, "Group id, in the host's namespace", "0"),
        .init(.procPID, .number, .attribution, "Process, in the host's namespace", "4321"),
        .init(.procPpid, .number, .attribution, "Parent process, in the host's namespace", "4300"),
        .init(.procVpid, .number, .attribution, "Process, in its own pid namespace", "7"),
        .init(.procName, .text, .event, "Name that the process shows, 15 bytes at most", "cat"),
        .init(.procExepath, .text, .event, "Path of the program", "/usr/bin/cat"),
        .init(.procExe, .text, .event, "First argument, the name it was called by", "cat"),
        .init(.procCmdline, .text, .event, "proc.name and proc.args", "cat /etc/shadow"),
        .init(.procArgs, .text, .event, "Arguments without the first, joined by blanks", "/etc/shadow"),
        .init(.procPname, .text, .attribution, "Name of the parent", "sh"),
        .init(.procPcmdline, .text, .attribution, "Name and arguments of the parent", "sh -c true"),
        .init(
            .procAname, .text, .attribution, "Name of an ancestor: [1] the parent, …; without index any of them",
            "containerd-shim"),
        .init(.procTty, .text, .event, "Controlling terminal, 0 for none", "pts0"),
        .init(.procCwd, .text, .event, "Working directory, closed by a slash", "/root/"),
        .init(
            .procIsContainerSetup, .boolean, .attribution,
            "A runtime that sets the container up, not yet its workload", "false"),
        .init(.procPexe, .text, .attribution, "First argument of the parent", "sh"),
        .init(.procPexepath, .text, .attribution, "Path of the parent's program", "/bin/sh"),
        .init(.procAexe, .text, .attribution, "First argument of an ancestor, counted as in proc.aname", "sh"),
        .init(.procAexepath, .text, .attribution, "Path of an ancestor's program, counted as in proc.aname", "/bin/sh"),
        .init(
            .procAcmdline, .text, .attribution, "Name and arguments of an ancestor, counted as in proc.aname",
            "sh -c true"),
        .init(
            .procApid, .number, .attribution, "An ancestor, in the host's namespace, counted as in proc.aname",
            "4300"),
        .init(.procCmdnargs, .number, .event, "Number of arguments, the first not counted", "1"),
        .init(.procExeline, .text, .event, "proc.exe and proc.args", "cat /etc/shadow"),
        .init(
            .containerID, .text, .attribution,
            "First 12 digits of the id; host for the host's own; missing where it is not known", "c8a1e44e20da"),
        .init(.containerFullID, .text, .attribution, "Whole id; host for the host's own", "c8a1e44e20da…"),
        .init(.containerName, .text, .attribution, "Name that its engine gives it; host for the host's own", "web"),
        .init(.containerImage, .text, .attribution, "Image as its engine names it", "docker.io/nginx:1.27"),
        .init(.containerImageRepository, .text, .attribution, "Image without tag and digest", "docker.io/nginx"),
        .init(.containerImageTag, .text, .attribution, "Tag of the image", "1.27"),
        .init(.containerType, .text, .attribution, "Who made it; host for the host's own", "podman"),
        .init(.containerPrivileged, .boolean, .attribution, "Whether it is privileged", "true"),
        .init(.containerPrivilegedReasons, .text, .attribution, "What that rests on; several", "all capabilities"),
        .init(.containerIsSandbox, .boolean, .attribution, "A pod's sandbox rather than a workload", "false"),
        .init(
            .containerDeclaresDevice, .boolean, .attribution,
            "file.node is among the devices that the runtime was told to give it", "false"),
        .init(
            .containerImageDigest, .text, .attribution, "Digest of the image's manifest",
            "sha256:4bcff63911fcb4448bd4fdacec20…"),
        .init(.k8sPodName, .text, .attribution, "Pod", "web-0"),
        .init(.k8sNsName, .text, .attribution, "Kubernetes namespace of the pod", "default"),
        .init(
            .attributionCertainty, .text, .attribution,
            "How sure it is who did it: certain, inherited, ambiguous or unknown",
            "certain"),
    ]

    package static let all = fed + unfed

    private static let byName = Dictionary(
        all.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })

    package static func field(named name: String) -> FieldDescription? { byName[name] }
}

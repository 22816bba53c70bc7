package import EventModel
import LinuxSystem

extension OCIConfiguration {
    /// What the runtime is told: a namespace that it does not name is the caller's.
    var view: PrivilegeView {
        var view = PrivilegeView()
        view.capabilities = CapabilitySet(names: process?.capabilities?.bounding ?? [])
        var shared = Set(NamespaceKind.allCases)
        // One with a path is joined: a sandbox', another container's or the host's, which the kernel's view tells.
        for namespace in linux?.namespaces ?? [] {
            if let kind = namespace.type.flatMap(NamespaceKind.init(rawValue:)) { shared.remove(kind) }
        }
        view.hostNamespaces = shared
        view.userMappings = linux?.uidMappings?.compactMap { mapping in
            guard let inside = mapping.containerID, let outside = mapping.hostID, let count = mapping.size else {
                return nil
            }
            return IDMapping(inside: inside, outside: outside, count: count)
        }
        view.hasMaskedPaths = !(linux?.maskedPaths ?? []).isEmpty || !(linux?.readonlyPaths ?? []).isEmpty
        let sysfs = mounts?.last { $0.destination == "/sys" }
        view.hasReadOnlySysfs = sysfs?.options?.contains("ro") ?? false
        view.isRootReadOnly = root?.readonly ?? false
        view.hasSeccomp = linux?.seccomp != nil
        view.noNewPrivileges = process?.noNewPrivileges ?? false
        view.label = [process?.apparmorProfile, process?.selinuxLabel].compactMap(\.self).first { !$0.isEmpty } ?? ""
        view.userID = process?.user?.uid ?? 0
        view.mounts = (mounts ?? []).compactMap(\.hostMount)
        return view
    }

    /// Calls that are allowed without a condition on their arguments, and by no later rule refused.
    var seccompProfile: SeccompProfile? {
        guard let seccomp = linux?.seccomp else { return nil }
        let isAllowed = Self.allows(seccomp.defaultAction)
        return SeccompProfile(
            allowed: Set(
                SeccompProfile.callsOfInterest.filter { call in
                    let rules = (seccomp.syscalls ?? []).filter { $0.names?.contains(call) ?? false }
                    guard !rules.isEmpty else { return isAllowed }
                    return rules.contains { Self.allows($0.action) && ($0.args ?? []).isEmpty }
                }))
    }

    private static func allows(_ action: String?) -> Bool { action == "SCMP_ACT_ALLOW" || action == "SCMP_ACT_LOG" }

    /// Whether the rules let devices of a type (`b`, `c`) be read or written: each of them, those of a major, or one. By the
    /// rules in their order, those that speak of what is asked about and of no less.
    func allows(_ type: String, _ major: UInt32? = nil, _ minor: UInt32? = nil) -> Bool {
        // `m` alone lets make a node, which cannot be opened then.
        var allowed: Set<Character> = []
        for rule in linux?.resources?.devices ?? [] where rule.covers(type, major, minor) {
            let access = (rule.access ?? "rwm").filter { $0 == "r" || $0 == "w" }
            if rule.allow == true { allowed.formUnion(access) } else { allowed.subtract(access) }
        }
        return !allowed.isEmpty
    }
}

extension OCIConfiguration.Resources.DeviceRule {
    /// Nil or less than 0 means every number; `a` or nothing every type.
    fileprivate func covers(_ type: String, _ major: UInt32?, _ minor: UInt32?) -> Bool {
        guard ["", "a", type].contains(self.type ?? "") else { return false }
        func covers(_ own: Int64?, _ asked: UInt32?) -> Bool {
            guard let own, own >= 0 else { return true }
            return asked.map { own == Int64($0) } ?? false
        }
        return covers(self.major, major) && covers(self.minor, minor)
    }
}

extension OCIConfiguration.Mount {
    /// A bind mount of something of the host; nil for file systems of the container's own, and for single device nodes.
    var hostMount: HostMount? {
        let options = options ?? []
        guard type == "bind" || options.contains("bind") || options.contains("rbind"), let source, let destination,
            source.hasPrefix("/"), !source.hasPrefix("/dev/")
        else { return nil }
        return HostMount(
            source: source, destination: destination, isReadOnly: options.contains("ro"),
            isShared: options.contains("shared") || options.contains("rshared"))
    }
}

extension ContainerReader {
    /// What the declaration alone tells.
    func declare(_ configuration: OCIConfiguration, into facts: inout PrivilegeFacts) {
        facts.declaration = configuration.view
        facts.seccomp = configuration.seccompProfile
        let devices = configuration.linux?.devices ?? []
        facts.blockDevices = devices.filter { $0.type == "b" }.compactMap(\.number)
        facts.hasMemoryDevice = devices.contains { $0.type == "c" && $0.major == 1 && $0.minor == 1 }
        facts.allowsAllBlockDevices = configuration.allows("b")
        declareRules(configuration, into: &facts)
        let resources = configuration.linux?.resources
        // runc takes what is not above zero for "no limit".
        facts.memoryLimit = resources?.memory?.limit.flatMap { $0 > 0 ? $0 : nil }
        facts.cpuShares = resources?.cpu?.shares.flatMap { $0 > 0 ? $0 : nil }
        facts.processLimit = resources?.pids?.limit.flatMap { $0 > 0 ? $0 : nil }
        facts.sysctls = (configuration.linux?.sysctl ?? [:]).keys.sorted()
    }

    /// What the device rules allow beyond the nodes that are given.
    private func declareRules(_ configuration: OCIConfiguration, into facts: inout PrivilegeFacts) {
        facts.rulesAllowMemory = configuration.allows("c", 1, 1)
        let rules = facts.allowsAllBlockDevices == true ? [] : configuration.linux?.resources?.devices ?? []
        // What runtimes allow every container is character devices, and making nodes of all kinds.
        let ofBlocks = rules.filter { $0.allow == true && ["", "a", "b"].contains($0.type ?? "") }
        let majors = Set(ofBlocks.compactMap { $0.major.flatMap(UInt32.init(exactly:)) })
        facts.blockMajors = majors.filter { configuration.allows("b", $0) }.sorted()
        guard !facts.blockDevices.isEmpty || !majors.isEmpty else { return }
        let used = usedDisks()
        facts.hostDisks = facts.blockDevices.filter(used.contains)
        facts.ruledHostDisks = used.filter { disk in
            majors.contains(disk.major) && !facts.blockDevices.contains(disk)
                && configuration.allows("b", disk.major, disk.minor)
        }.sorted { ($0.major, $0.minor) < ($1.major, $1.minor) }
    }

    /// Those on which, or on a partition of which, a file system is mounted on the host.
    private func usedDisks() -> Set<DeviceNumber> {
        var used: Set<DeviceNumber> = []
        var waiting = hostMounts.compactMap { mount in
            // btrfs has a number of its own for each mount; its source is the device.
            mount.device.major != 0
                ? mount.device : (try? FileStatus.of(root + mount.source)).flatMap { $0.isBlock ? $0.node : nil }
        }
        while let device = waiting.popLast() {
            guard used.insert(device).inserted, used.count < 1024 else { continue }
            let directory = "\(root)/sys/dev/block/\(device)"
            // A partition's directory lies in its disk's; a volume's parts are its slaves (LVM, LUKS, md).
            if (try? FileStatus.of("\(directory)/partition")) != nil { waiting += number(in: "\(directory)/..") }
            for name in (try? directoryEntries("\(directory)/slaves", limit: 256)) ?? [] {
                waiting += number(in: "\(directory)/slaves/\(name)")
            }
        }
        return used
    }

    /// Of a directory of sysfs that stands for a device; none where it does not.
    private func number(in directory: String) -> [DeviceNumber] {
        guard let text = try? readFile("\(directory)/dev", limit: 64),
            let number = DeviceNumber(decimal: String(decoding: text, as: UTF8.self).prefix { $0 != "\n" })
        else { return [] }
        return [number]
    }

    var hostMounts: [MountInfo] { Self.hostMounts(proc) }

    /// Pid 1's, and where that does not let itself be read, the agent's own.
    static func hostMounts(_ proc: ProcFilesystem) -> [MountInfo] {
        if let mounts = try? proc.mounts(1), !mounts.isEmpty { return mounts }
        let own = (try? readLink("\(proc.root)/self")).flatMap { Int32($0) } ?? 1
        return (try? proc.mounts(own)) ?? []
    }

    /// The rights of one process as /proc shows them; mounts and what hangs on them are left out.
    package func view(ofProcess pid: Int32) -> PrivilegeView? {
        guard let status = try? proc.status(pid) else { return nil }
        var view = PrivilegeView()
        view.capabilities = status["CapBnd"].flatMap { UInt64($0, radix: 16) }.map(CapabilitySet.init(rawValue:))
        view.hasSeccomp = status["Seccomp"].map { $0 != "0" }
        view.noNewPrivileges = status["NoNewPrivs"].map { $0 == "1" }
        var shared: Set<NamespaceKind> = []
        for kind in NamespaceKind.allCases {
            guard let own = try? proc.namespaceByLink(pid, kind.procName) else {
                // A process that ends in between has none; a kernel may lack some.
                if kind == .user { return nil }
                continue
            }
            if own == host.namespace(kind) { shared.insert(kind) }
        }
        view.hostNamespaces = shared
        view.userMappings = shared.contains(.user) ? [] : mappings(pid)
        if let uid = status["Uid"]?.split(separator: "\t").first.flatMap({ UInt32($0) }) {
            view.userID = Self.inside(uid, view.userMappings ?? [])
        }
        if host.hasLabels, let label = try? readFile(proc.path(pid, "attr/current"), limit: 4096) {
            view.label = String(decoding: label.prefix { $0 != 0 && $0 != UInt8(ascii: "\n") }, as: UTF8.self)
        }
        return view
    }

    func mappings(_ pid: Int32) -> [IDMapping]? {
        guard let bytes = try? readFile(proc.path(pid, "uid_map"), limit: 64 * 1024) else { return nil }
        return textLines(bytes).compactMap { line in
            let numbers = line.split(separator: " ").compactMap { UInt32($0) }
            return numbers.count == 3 ? IDMapping(inside: numbers[0], outside: numbers[1], count: numbers[2]) : nil
        }
    }

    private static func inside(_ uid: UInt32, _ mappings: [IDMapping]) -> UInt32? {
        if mappings.isEmpty { return uid }
        for mapping in mappings where uid >= mapping.outside && uid - mapping.outside < mapping.count {
            let (inside, isOver) = mapping.inside.addingReportingOverflow(uid - mapping.outside)
            return isOver ? nil : inside
        }
        return nil
    }

    /// What hangs on the mounts that a process sees.
    func look(at mounts: [MountInfo], into view: inout PrivilegeView, declared: [HostMount], own: OwnDirectories) {
        // The last mount on a point is the one that is seen. A process that has changed its root sees others.
        view.hasReadOnlySysfs = mounts.last { $0.mountPoint == "/sys" }?.isReadOnly
        if mounts.contains(where: { $0.mountPoint == "/proc" }) {
            view.hasMaskedPaths = mounts.contains { Self.masks($0) }
        }
        view.isRootReadOnly = mounts.last { $0.mountPoint == "/" }?.isReadOnly
        let hostMounts = hostMounts
        var seen: [HostMount] = []
        for mount in mounts {
            let told = declared.last { HostPath.normal($0.destination) == mount.mountPoint }
            // What was declared as the host's is, wherever it lies.
            guard told != nil || !Self.isOwn(mount) else { continue }
            // A declared source can be a link: what the kernel shows counts where it is the worse.
            let shown = Self.hostPath(of: mount, hostMounts)
            let isWorse = shown.map { HostPath.kind(of: $0, own: own) != nil } ?? false
            guard let source = isWorse ? shown : told?.source ?? shown else { continue }
            // The container's own root directory, wherever it lies on the host.
            if mount.mountPoint == "/", source != "/" { continue }
            seen.append(
                HostMount(
                    source: source, destination: mount.mountPoint, isReadOnly: mount.isReadOnly,
                    isShared: told?.isShared ?? false))
        }
        view.mounts = seen
    }

    /// File systems that an engine makes for each container, and single device nodes.
    private static func isOwn(_ mount: MountInfo) -> Bool {
        if ["/proc", "/sys"].contains(mount.mountPoint) { return true }
        if ["/proc/", "/sys/", "/dev/"].contains(where: mount.mountPoint.hasPrefix) { return true }
        return ["cgroup", "cgroup2", "devpts", "mqueue"].contains(mount.filesystemType)
    }

    /// Where on the host the root of a mount lies: the host's mount of the same file system that covers it most closely.
    static func hostPath(of mount: MountInfo, _ hostMounts: [MountInfo]) -> String? {
        var best: MountInfo?
        for other in hostMounts where other.device == mount.device {
            let covers =
                other.root == "/" || mount.root == other.root || mount.root.hasPrefix(other.root + "/")
            guard covers, best.map({ other.root.utf8.count > $0.root.utf8.count }) ?? true else { continue }
            best = other
        }
        guard let best else { return nil }
        let rest = best.root == "/" ? mount.root[...] : mount.root.dropFirst(best.root.count)
        let path = (best.mountPoint == "/" ? "" : best.mountPoint) + (rest == "/" ? "" : rest)
        return path.isEmpty ? "/" : path
    }

    /// A mount that hides or locks a part of /proc, or a part of /sys that no engine leaves open.
    private static func masks(_ mount: MountInfo) -> Bool {
        if mount.mountPoint.hasPrefix("/proc/") {
            return mount.isReadOnly || mount.filesystemType == "tmpfs"
        }
        return mount.mountPoint == "/sys/firmware" && mount.filesystemType == "tmpfs"
    }
}

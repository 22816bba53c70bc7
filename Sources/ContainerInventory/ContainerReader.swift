package import EventModel
package import LinuxSystem

/// Describes containers out of the files of their runtimes and out of /proc; never through a runtime's API. Blocking: for a
/// control thread.
///
/// Only files that the host's root writes are read, by ids that were validated, without following a last link.
package struct ContainerReader: Sendable {
    /// Put before every absolute path; a test's tree, else empty.
    let root: String
    let proc: ProcFilesystem
    let host: HostIdentity
    let tree: CgroupTree

    /// - Parameter root: `/`, or a directory that stands for it.
    package init(root: String = "/", proc: ProcFilesystem, host: HostIdentity) {
        self.root = root == "/" ? "" : root
        self.proc = proc
        self.host = host
        let own = (try? readLink("\(proc.root)/self")).flatMap { Int32($0) } ?? 1
        tree = CgroupTree(mounts: (try? proc.mounts(1)) ?? (try? proc.mounts(own)) ?? [])
    }

    // MARK: What runs

    /// Every container that a runtime's state file in one of the usual directories names: the only trace of raw runc and
    /// of `ctr`, whose cgroup paths say nothing. At start, after a gap, and when an unknown cgroup appears.
    package func scan() -> [ContainerDiscovery] {
        var found: [ContainerDiscovery] = []
        for (directory, runtime) in stateDirectories() {
            for name in (try? directoryEntries(root + directory)) ?? [] {
                guard let id = ContainerID(validating: name) else { continue }
                let state = readState("\(directory)/\(name)")
                // No living init: what is left of one that was not deleted, or one that is just being made.
                guard let state, let key = state.process, let cgroups = try? proc.cgroups(key.pid) else { continue }
                let cgroup = ContainerCgroup.classify(cgroups)
                var path = cgroup?.path ?? ContainerCgroup.principalPath(cgroups)
                // Without a cgroup of its own it sits in its caller's: that one stands for nothing.
                let declared = state.cgroupPaths.compactMap(tree.relative)
                if cgroup == nil, !declared.isEmpty, !declared.contains(path) { path = "/" }
                if cgroup == nil, path.hasSuffix(".slice") { path = "/" }
                found.append(
                    ContainerDiscovery(
                        id: id, runtime: cgroup?.runtime ?? runtime, cgroupPath: path,
                        pid: key.pid, outer: cgroup?.outer,
                        arguments: RuntimeArguments(verb: .create, id: id, root: directory, bundle: state.bundle)))
            }
        }
        return found
    }

    /// Directories with one entry a container, and whose they are.
    func stateDirectories() -> [(String, ContainerRuntime)] {
        var directories: [(String, ContainerRuntime)] = [("/run/runc", .runc), ("/run/crun", .crun)]
        for parent in ["/run/containerd/runc", "/run/k3s/containerd/runc"] {
            for namespace in (try? directoryEntries(root + parent)) ?? [] {
                directories.append(("\(parent)/\(namespace)", .containerd))
            }
        }
        for parent in ["/run/docker/runtime-runc", "/run/docker/runtime-crun"] {
            directories.append(("\(parent)/moby", .docker))
        }
        return directories
    }

    // MARK: Describing

    /// What is known of a container now. Missing files leave their part empty; `isPrivileged` stays nil only when neither
    /// files nor kernel could be asked.
    package func describe(_ discovery: ContainerDiscovery) -> Container {
        var discovery = discovery
        if discovery.arguments == nil { discovery.arguments = parentArguments(discovery) }
        var container = Container(
            id: discovery.id, runtime: discovery.runtime, cgroupPath: discovery.cgroupPath,
            firstSeen: discovery.firstSeen)
        var facts = PrivilegeFacts()
        facts.hostCapabilities = host.boundingCapabilities

        let state = findState(discovery)
        let found = findConfiguration(discovery, state: state)
        if let runtime = state?.runtime, container.runtime == .unknown { container.runtime = runtime }
        container.initProcess = state?.process ?? findInit(discovery)
        container.outer = discovery.outer
        if let configuration = found?.configuration {
            describe(configuration, path: found?.path ?? "", into: &container, &facts)
        }
        describeDocker(into: &container, &facts)
        if container.runtime == .podman { describePodman(found?.configuration, storage: found?.path, into: &container) }
        if container.runtime == .containerd, container.image == nil, !Self.isCRI(found?.configuration) {
            container.image = storedImage(container, bundle: found?.path ?? state?.bundle)
        }
        if container.name == nil, let name = nameByDefault(container) { container.name = name }
        describeKernelView(&container, &facts, configuration: found?.configuration)
        (container.isPrivileged, container.privilegeReasons) = facts.verdict
        container.cgroup = tree.isolationCgroup(of: container, proc: proc)
        return container
    }

    /// `ctr` and raw runtimes have no name but the id.
    private func nameByDefault(_ container: Container) -> String? {
        container.id.rawValue.utf8.count == 64 ? nil : container.id.rawValue
    }

    // MARK: Runtime state

    struct State {
        var runtime: ContainerRuntime
        var process: ProcessKey?
        var bundle: String?
        /// Directories of the cgroup file system.
        var cgroupPaths: [String]
    }

    func findState(_ discovery: ContainerDiscovery) -> State? {
        var directories: [String] = []
        if let given = discovery.arguments?.root { directories.append(given) }
        directories += stateDirectories().map(\.0)
        for directory in directories {
            if let state = readState("\(directory)/\(discovery.id.rawValue)") { return state }
        }
        return nil
    }

    private func readState(_ directory: String) -> State? {
        if let state = RuntimeFile.read("\(root)\(directory)/state.json", as: RuncState.self) {
            return State(
                runtime: .runc, process: living(state.pid, startTime: state.startTime), bundle: state.bundle,
                cgroupPaths: state.cgroupPaths.map { Array($0.values) } ?? [])
        }
        if let status = RuntimeFile.read("\(root)\(directory)/status", as: CrunStatus.self) {
            return State(
                runtime: .crun, process: living(status.pid, startTime: status.startTime), bundle: status.bundle,
                cgroupPaths: [])
        }
        return nil
    }

    /// The process that a state file names, when it is still that one.
    private func living(_ pid: Int32?, startTime: UInt64?) -> ProcessKey? {
        guard let pid, pid > 0, let stat = try? proc.stat(pid), stat.state != "Z" else { return nil }
        guard startTime == nil || startTime == stat.startTime else { return nil }
        return ProcessKey(pid: pid, startTime: stat.startTime)
    }

    /// A runtime in the foreground is the parent of the container's first process: where its exec was missed, its command
    /// line still says where the state and the bundle lie.
    func parentArguments(_ discovery: ContainerDiscovery) -> RuntimeArguments? {
        guard let parent = findInit(discovery).flatMap({ try? proc.stat($0.pid).parentPID }),
            let executable = try? proc.executable(parent), host.runtimeBinaries.contains(executable),
            let arguments = (try? proc.commandLine(parent)).flatMap(RuntimeArguments.parse),
            arguments.id == discovery.id
        else { return nil }
        return arguments
    }

    /// Without a state file: the process of the cgroup that has pid 1 in a namespace of its own.
    private func findInit(_ discovery: ContainerDiscovery) -> ProcessKey? {
        var candidates = discovery.pid > 0 ? [discovery.pid] : []
        if discovery.cgroupPath.utf8.count > 1 { candidates += tree.processes(in: discovery.cgroupPath) }
        for pid in candidates {
            guard let ids = (try? proc.status(pid))?["NSpid"]?.split(separator: "\t"), ids.count > 1, ids.last == "1",
                let key = living(pid, startTime: nil)
            else { continue }
            return key
        }
        // In the host's pid namespace no number tells; the first process stands in.
        // Not by a lazy sequence: that asks twice, and traps when the process has ended in between.
        for pid in candidates { if let key = living(pid, startTime: nil) { return key } }
        return nil
    }

    // MARK: Configuration

    func findConfiguration(
        _ discovery: ContainerDiscovery, state: State?
    ) -> (configuration: OCIConfiguration, path: String)? {
        let id = discovery.id.rawValue
        var bundles: [String] = []
        if let bundle = state?.bundle, bundle.hasPrefix("/") { bundles.append(bundle) }
        if let bundle = discovery.arguments?.bundle { bundles.append(bundle) }
        for storage in ["/var/lib/containers/storage", "/run/containers/storage"] {
            bundles.append("\(storage)/overlay-containers/\(id)/userdata")
        }
        for parent in [
            "/run/containerd/io.containerd.runtime.v2.task",
            "/run/docker/containerd/daemon/io.containerd.runtime.v2.task",
            "/run/k3s/containerd/io.containerd.runtime.v2.task",
        ] {
            for namespace in (try? directoryEntries(root + parent)) ?? [] {
                bundles.append("\(parent)/\(namespace)/\(id)")
            }
        }
        // crun keeps a copy beside its status.
        bundles.append("/run/crun/\(id)")
        for bundle in bundles {
            let path = "\(bundle)/config.json"
            if let configuration = RuntimeFile.read(root + path, as: OCIConfiguration.self) {
                return (configuration, path)
            }
        }
        return nil
    }

    private func describe(
        _ configuration: OCIConfiguration, path: String, into container: inout Container, _ facts: inout PrivilegeFacts
    ) {
        let annotations = configuration.annotations ?? [:]
        switch annotations["io.container.manager"] {
        case "libpod"?: container.runtime = .podman
        case "cri-o"?: container.runtime = .crio
        default:
            if path.contains("/io.containerd.runtime.v2.task/moby/") {
                container.runtime = .docker
            } else if path.contains("/io.containerd.runtime.v2.task/") {
                container.runtime = .containerd
            }
        }
        switch container.runtime {
        case .podman: describePodmanRights(annotations, into: &facts)
        case .crio: describeCRIO(annotations, into: &container)
        case .containerd: describeCRI(annotations, into: &container)
        case .docker, .runc, .crun, .lxc, .nspawn, .unknown: break
        }
        let linux = configuration.linux
        for device in linux?.devices ?? [] where device.type == "b" || device.type == "c" {
            guard let major = device.major.flatMap(UInt32.init(exactly:)),
                let minor = device.minor.flatMap(UInt32.init(exactly:))
            else { continue }
            container.declaredDevices.insert(DeviceNumber(major: major, minor: minor))
        }
        container.command = configuration.process?.args ?? []
        facts.hasMaskedPaths = !(linux?.maskedPaths ?? []).isEmpty || !(linux?.readonlyPaths ?? []).isEmpty
        facts.boundingCapabilities = PrivilegeFacts.bits(configuration.process?.capabilities?.bounding ?? [])
        facts.hasHostUserNamespace = !(linux?.namespaces ?? []).contains { $0.type == "user" }
        let sysfs = configuration.mounts?.last { $0.destination == "/sys" }
        facts.hasReadOnlySysfs = sysfs?.options?.contains("ro") ?? false
    }

    private func describePodmanRights(_ annotations: [String: String], into facts: inout PrivilegeFacts) {
        guard let value = annotations["io.podman.annotations.privileged"] else { return }
        facts.declared = value == "TRUE"
        facts.declaredBy = "podman annotation privileged=\(facts.declared == true ? "TRUE" : "FALSE")"
    }

    private func describeCRI(_ annotations: [String: String], into container: inout Container) {
        container.pod = annotations["io.kubernetes.cri.sandbox-name"]
        container.podNamespace = annotations["io.kubernetes.cri.sandbox-namespace"]
        container.isSandbox = annotations["io.kubernetes.cri.container-type"] == "sandbox"
        container.image =
            annotations["io.kubernetes.cri.image-name"] ?? annotations["io.kubernetes.cri.podsandbox.image-name"]
        container.name = annotations["io.kubernetes.cri.container-name"]
    }

    private func describeCRIO(_ annotations: [String: String], into container: inout Container) {
        container.pod = annotations["io.kubernetes.pod.name"] ?? annotations["io.kubernetes.cri-o.KubeName"]
        container.podNamespace =
            annotations["io.kubernetes.pod.namespace"] ?? annotations["io.kubernetes.cri-o.Namespace"]
        container.isSandbox = annotations["io.kubernetes.cri-o.ContainerType"] == "sandbox"
        container.name = annotations["io.kubernetes.container.name"] ?? annotations["io.kubernetes.cri-o.Name"]
        container.image = annotations["io.kubernetes.cri-o.ImageName"] ?? annotations["io.kubernetes.cri-o.Image"]
    }

    // MARK: Engines

    private func describeDocker(into container: inout Container, _ facts: inout PrivilegeFacts) {
        let directory = "\(root)/var/lib/docker/containers/\(container.id.rawValue)"
        guard let configuration = RuntimeFile.read("\(directory)/config.v2.json", as: DockerConfiguration.self) else {
            return
        }
        container.runtime = .docker
        if let name = configuration.name { container.name = name.hasPrefix("/") ? String(name.dropFirst()) : name }
        container.image = configuration.config?.image
        // cri-dockerd's labels.
        let labels = configuration.config?.labels ?? [:]
        container.pod = labels["io.kubernetes.pod.name"]
        container.podNamespace = labels["io.kubernetes.pod.namespace"]
        container.isSandbox = labels["io.kubernetes.docker.type"] == "podsandbox"
        if container.initProcess == nil { container.initProcess = living(configuration.state?.pid, startTime: nil) }
        let rights = RuntimeFile.read("\(directory)/hostconfig.json", as: DockerHostConfiguration.self)
        if let privileged = rights?.privileged {
            facts.declared = privileged
            facts.declaredBy = "docker hostconfig Privileged=\(privileged)"
        }
    }

    private func describePodman(
        _ configuration: OCIConfiguration?, storage path: String?, into container: inout Container
    ) {
        // …/overlay-containers/ID/userdata/config.json
        var storage = "/var/lib/containers/storage/overlay-containers"
        if let path, let end = path.firstRange(of: "/overlay-containers/") {
            storage = String(path[..<end.upperBound].dropLast())
        }
        let stored = RuntimeFile.read("\(root)\(storage)/containers.json", as: [StoredContainer].self) ?? []
        if let own = stored.first(where: { $0.id == container.id.rawValue }) {
            let metadata = own.metadata.flatMap { RuntimeFile.decode(Array($0.utf8), as: StoredMetadata.self) }
            container.name = own.names?.first ?? metadata?.name
            container.image = metadata?.imageName
        }
        if container.name == nil { container.name = conmonName(container) }
        // A pod's containers name its infra container, whose host name is the pod's name (kube play).
        var infra: OCIConfiguration?
        if let sandbox = configuration?.annotations?["io.kubernetes.cri-o.SandboxID"],
            let id = ContainerID(validating: sandbox), id != container.id
        {
            let file = "\(root)\(storage)/\(id.rawValue)/userdata/config.json"
            infra = RuntimeFile.read(file, as: OCIConfiguration.self)
        } else if let name = container.name, Self.isInfraName(name), let configuration {
            infra = configuration
            container.isSandbox = true
        }
        guard let infra else { return }
        container.pod = infra.hostname
        // podman has no namespaces: `kube play` drops the manifest's, and all its pods live in one.
        container.podNamespace = "default"
    }

    /// `9a3d3b3a2a9d-infra`: the first half of the pod's id.
    private static func isInfraName(_ name: String) -> Bool {
        guard name.hasSuffix("-infra") else { return false }
        let id = name.dropLast("-infra".utf8.count)
        return id.utf8.count == 12 && id.allSatisfy(\.isHexDigit)
    }

    /// The `-n NAME` of the conmon that is the init's parent.
    private func conmonName(_ container: Container) -> String? {
        guard let pid = container.initProcess?.pid, let parent = try? proc.stat(pid).parentPID,
            let words = try? proc.commandLine(parent), words.contains(container.id.rawValue),
            let option = words.firstIndex(of: "-n"), option + 1 < words.count
        else { return nil }
        return words[option + 1]
    }

    private static func isCRI(_ configuration: OCIConfiguration?) -> Bool {
        configuration?.annotations?.keys.contains { $0.hasPrefix("io.kubernetes.cri.") } ?? false
    }

    /// A containerd's state directory, and the root directory with its database.
    private static let containerds = [
        (state: "/run/containerd", root: "/var/lib/containerd"),
        (state: "/run/k3s/containerd", root: "/var/lib/rancher/k3s/agent/containerd"),
    ]

    /// The image of a container that `ctr` made: only containerd's database has it, and before the task starts.
    private func storedImage(_ container: Container, bundle: String?) -> String? {
        let id = container.id.rawValue
        var namespace: Substring
        var roots = Self.containerds.map(\.root)
        if let bundle, let marker = bundle.firstRange(of: "/io.containerd.runtime.v2.task/") {
            // STATE/io.containerd.runtime.v2.task/NAMESPACE/ID
            let parts = bundle[marker.upperBound...].split(separator: "/", omittingEmptySubsequences: false)
            guard parts.count >= 2, parts[1] == id else { return nil }
            namespace = parts[0]
            // Two containerds may have containers of one name.
            let state = bundle[..<marker.lowerBound]
            if let own = Self.containerds.first(where: { $0.state == state }) { roots = [own.root] }
        } else {
            // ctr's cgroup: /NAMESPACE/ID
            let parts = container.cgroupPath.split(separator: "/")
            guard parts.count == 2, parts[1] == id else { return nil }
            namespace = parts[0]
        }
        for directory in roots {
            let path = "\(root)\(directory)/io.containerd.metadata.v1.bolt/meta.db"
            guard let database = try? BoltDatabase(path: path),
                let image = database.value(["v1", String(namespace), "containers", id, "image"])
            else { continue }
            // Empty for `ctr container create --rootfs`.
            return image.isEmpty ? nil : String(validating: image, as: UTF8.self)
        }
        return nil
    }

    // MARK: The kernel's view

    private func describeKernelView(
        _ container: inout Container, _ facts: inout PrivilegeFacts, configuration: OCIConfiguration?
    ) {
        guard let pid = container.initProcess?.pid else { return }
        container.pidNamespace = try? proc.namespaceByLink(pid, "pid")
        container.networkNamespace = try? proc.namespaceByLink(pid, "net")
        let mountNamespace = try? proc.namespaceByLink(pid, "mnt")
        // A runtime that is still at work has the host's capabilities and, at first, the host's namespaces.
        let executable = try? proc.executable(pid)
        let path = (try? readLink(proc.path(pid, "exe"))) ?? ""
        let isRuntime = (executable.map(host.runtimeBinaries.contains) ?? false) || path.hasPrefix("/memfd:")
        guard !isRuntime, !path.isEmpty else {
            if container.pidNamespace == host.pidNamespace { container.pidNamespace = nil }
            if container.networkNamespace == host.networkNamespace { container.networkNamespace = nil }
            return
        }
        container.mountNamespace = mountNamespace
        if let user = try? proc.namespaceByLink(pid, "user") { facts.hasHostUserNamespace = user == host.userNamespace }
        if let bounding = (try? proc.status(pid))?["CapBnd"].flatMap({ UInt64($0, radix: 16) }) {
            facts.boundingCapabilities = bounding
        }
        guard let mounts = try? proc.mounts(pid), !mounts.isEmpty else { return }
        // The last mount on a point is the one that is seen.
        let sysfs = mounts.last { $0.mountPoint == "/sys" }
        facts.hasReadOnlySysfs = sysfs?.isReadOnly ?? false
        if configuration == nil {
            facts.hasMaskedPaths = mounts.contains { Self.masks($0) }
        }
    }

    /// A mount that hides or locks a part of /proc, or a part of /sys that no engine leaves open.
    private static func masks(_ mount: MountInfo) -> Bool {
        if mount.mountPoint.hasPrefix("/proc/") {
            return mount.isReadOnly || mount.filesystemType == "tmpfs"
        }
        return mount.mountPoint == "/sys/firmware" && mount.filesystemType == "tmpfs"
    }
}

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
        tree = CgroupTree(mounts: Self.hostMounts(proc))
    }

    // MARK: What runs

    /// Every container that a runtime's state file in one of the usual directories names: the only trace of raw runc and
    /// of `ctr`, whose cgroup paths say nothing. At start, after a gap, and when an unknown cgroup appears.
    package func scan() -> [ContainerDiscovery] {
        var found: [ContainerDiscovery] = []
        for (directory, runtime) in stateDirectories() {
            for name in (try? directoryEntries(root + directory)) ?? [] {
                guard let id = ContainerID(validating: name) else { continue }
                let state = readState("\(directory)/\(name)", nil)
                // No living init: what is left of one that was not deleted, or one that is just being made.
                guard let state, let key = state.process, let cgroups = try? proc.cgroups(key.pid) else { continue }
                let cgroup = ContainerCgroup.classify(cgroups)
                var path = cgroup?.path ?? ContainerCgroup.principalPath(cgroups)
                // Without a cgroup of its own it sits in its caller's: that one stands for nothing.
                let declared = state.cgroupPaths.compactMap(tree.relative)
                if cgroup == nil, !declared.isEmpty, !declared.contains(path) { path = "/" }
                if cgroup == nil, path.hasSuffix(".slice") { path = "/" }
                var discovery = ContainerDiscovery(
                    id: id, runtime: cgroup?.runtime ?? runtime, cgroupPath: path,
                    pid: key.pid, outer: cgroup?.outer,
                    arguments: RuntimeArguments(verb: .create, id: id, root: directory, bundle: state.bundle))
                // Root alone writes there; a user's slice is where he was when he did.
                discovery.rootlessUser = nil
                found.append(discovery)
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
        facts.hostHasLabels = host.hasLabels

        let user = rootlessUser(discovery.rootlessUser)
        facts.isRootless = user != nil
        facts.own.ids = [discovery.id.rawValue, discovery.runtimeID.rawValue]
        facts.own.podUID = ContainerCgroup.podUID(discovery.cgroupPath)
        let state = findState(discovery, user)
        let found = findConfiguration(discovery, state: state, user)
        // Which state file there is says which runtime made it; a command line that was read late does not.
        if let runtime = state?.runtime, [.unknown, .runc, .crun].contains(container.runtime) {
            container.runtime = runtime
        }
        container.initProcess = state?.process ?? findInit(discovery)
        container.outer = discovery.outer
        if let configuration = found?.configuration {
            describe(configuration, path: found?.path ?? "", user, into: &container, &facts)
            // A user's own word about where it lies makes nothing of the host's his container's.
            if user == nil {
                facts.own.root = Self.rootDirectory(configuration, at: found?.path ?? "")
                container.rootDirectory = facts.own.root
            }
        }
        describeDocker(user, into: &container, &facts)
        if container.runtime == .podman {
            describePodman(found?.configuration, storage: found?.path, user, into: &container)
        }
        if container.runtime == .containerd, user == nil {
            describeContainerd(found?.configuration, bundle: found?.path ?? state?.bundle, into: &container)
        }
        if container.name == nil, let name = nameByDefault(container) { container.name = name }
        describeKernelView(&container, &facts)
        container.privileges = facts.judged
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

    func findState(_ discovery: ContainerDiscovery, _ user: RootlessUser?) -> State? {
        var directories: [String] = []
        if let given = discovery.arguments?.root { directories.append(given) }
        directories += (user?.stateDirectories ?? stateDirectories()).map(\.0)
        for directory in directories {
            if let state = readState("\(directory)/\(discovery.runtimeID.rawValue)", user) { return state }
        }
        return nil
    }

    func readState(_ directory: String, _ user: RootlessUser?) -> State? {
        var found: State?
        if let state = RuntimeFile.read("\(directory)/state.json", root: root, of: user, as: RuncState.self) {
            found = State(
                runtime: .runc, process: living(state.pid, startTime: state.startTime), bundle: state.bundle,
                cgroupPaths: state.cgroupPaths.map { Array($0.values) } ?? [])
        } else if let status = RuntimeFile.read("\(directory)/status", root: root, of: user, as: CrunStatus.self) {
            found = State(
                runtime: .crun, process: living(status.pid, startTime: status.startTime), bundle: status.bundle,
                cgroupPaths: [])
        }
        if let user, let pid = found?.process?.pid, !isOwn(pid, of: user) { found?.process = nil }
        return found
    }

    /// The process that a state file names, when it is still that one.
    func living(_ pid: Int32?, startTime: UInt64?) -> ProcessKey? {
        guard let pid, pid > 0, let stat = try? proc.stat(pid), stat.state != "Z" else { return nil }
        guard startTime == nil || startTime == stat.startTime else { return nil }
        return ProcessKey(pid: pid, startTime: stat.startTime)
    }

    /// A runtime in the foreground is the parent of the container's first process: where its exec was missed, its command
    /// line still says where the state and the bundle lie. Only of whose container it is: anybody may run a runtime.
    func parentArguments(_ discovery: ContainerDiscovery) -> RuntimeArguments? {
        guard let parent = findInit(discovery).flatMap({ try? proc.stat($0.pid).parentPID }),
            let executable = try? proc.executable(parent), host.runtimeBinaries.contains(executable),
            let arguments = (try? proc.commandLine(parent)).flatMap(RuntimeArguments.parse),
            arguments.id == discovery.runtimeID,
            let uid = (try? proc.status(parent))?["Uid"]?.split(separator: "\t").dropFirst().first,
            UInt32(uid) == discovery.rootlessUser ?? 0
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
        _ discovery: ContainerDiscovery, state: State?, _ user: RootlessUser?
    ) -> (configuration: OCIConfiguration, path: String)? {
        let id = discovery.runtimeID.rawValue
        var bundles: [String] = []
        if let bundle = state?.bundle, bundle.hasPrefix("/") { bundles.append(bundle) }
        if let bundle = discovery.arguments?.bundle { bundles.append(bundle) }
        bundles += user?.bundles(id) ?? self.bundles(id)
        for bundle in bundles {
            let path = "\(bundle)/config.json"
            if let configuration = RuntimeFile.read(path, root: root, of: user, as: OCIConfiguration.self) {
                return (configuration, path)
            }
        }
        return nil
    }

    private func bundles(_ id: String) -> [String] {
        var bundles: [String] = []
        for storage in ["/var/lib/containers/storage", "/run/containers/storage"] {
            bundles += ContainerStorage.lists(storage).map { "\($0)/\(id)/userdata" }
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
        return bundles
    }

    private func describe(
        _ configuration: OCIConfiguration, path: String, _ user: RootlessUser?, into container: inout Container,
        _ facts: inout PrivilegeFacts
    ) {
        let annotations = configuration.annotations ?? [:]
        for key in ["io.kubernetes.cri.sandbox-id", "io.kubernetes.cri-o.SandboxID"] {
            if let sandbox = annotations[key] { facts.own.ids.insert(sandbox) }
        }
        // An annotation comes last: who makes a pod or a container can add some.
        if path.contains("/io.containerd.runtime.v2.task/moby/") {
            container.runtime = .docker
        } else if path.contains("/io.containerd.runtime.v2.task/") {
            container.runtime = .containerd
        } else if ![.podman, .crio].contains(container.runtime) {
            switch annotations["io.container.manager"] {
            case "libpod"?: container.runtime = .podman
            case "cri-o"?: container.runtime = .crio
            default: break
            }
        }
        switch container.runtime {
        case .podman: describePodmanRights(annotations, into: &facts)
        case .crio where user == nil: describeCRIO(annotations, storage: path, into: &container, &facts)
        case .crio: break
        case .containerd:
            describeCRI(annotations, into: &container)
            describeNerdctl(annotations, into: &container, &facts)
        case .docker, .runc, .crun, .lxc, .nspawn, .unknown: break
        }
        for device in configuration.linux?.devices ?? [] where device.type == "b" || device.type == "c" {
            if let number = device.number { container.declaredDevices.insert(number) }
        }
        container.command = configuration.process?.args ?? []
        container.kubernetesService = configuration.process?.env?
            .lazy.compactMap { $0.hasPrefix("KUBERNETES_SERVICE_HOST=") ? $0.drop { $0 != "=" }.dropFirst() : nil }
            .first.flatMap { IPAddress(String($0)) }
        declare(configuration, into: &facts)
    }

    // MARK: The kernel's view

    private func describeKernelView(_ container: inout Container, _ facts: inout PrivilegeFacts) {
        guard let pid = container.initProcess?.pid else { return }
        container.pidNamespace = try? proc.namespaceByLink(pid, "pid")
        container.networkNamespace = try? proc.namespaceByLink(pid, "net")
        let mountNamespace = try? proc.namespaceByLink(pid, "mnt")
        // A runtime that is still at work has the host's capabilities and, at first, the host's namespaces.
        guard !isRuntime(pid) else {
            if container.pidNamespace == host.pidNamespace { container.pidNamespace = nil }
            if container.networkNamespace == host.networkNamespace { container.networkNamespace = nil }
            return
        }
        container.mountNamespace = mountNamespace
        guard var view = view(ofProcess: pid) else { return }
        if let mounts = try? proc.mounts(pid), !mounts.isEmpty {
            look(at: mounts, into: &view, declared: facts.declaration.mounts ?? [], own: facts.own)
        }
        facts.kernel = view
    }
}

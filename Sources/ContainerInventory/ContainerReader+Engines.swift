import EventModel
private import LinuxSystem

/// What each engine keeps of a container beside the OCI configuration.
extension ContainerReader {
    func describePodmanRights(_ annotations: [String: String], into facts: inout PrivilegeFacts) {
        guard let value = annotations["io.podman.annotations.privileged"] else { return }
        facts.declared = value == "TRUE"
        facts.declaredBy = "podman annotation privileged=\(facts.declared == true ? "TRUE" : "FALSE")"
    }

    func describeCRI(_ annotations: [String: String], into container: inout Container) {
        container.pod = annotations["io.kubernetes.cri.sandbox-name"]
        container.podNamespace = annotations["io.kubernetes.cri.sandbox-namespace"]
        container.isSandbox = annotations["io.kubernetes.cri.container-type"] == "sandbox"
        container.image =
            annotations["io.kubernetes.cri.image-name"] ?? annotations["io.kubernetes.cri.podsandbox.image-name"]
        container.name = annotations["io.kubernetes.cri.container-name"]
    }

    /// nerdctl repeats its labels as annotations.
    func describeNerdctl(
        _ annotations: [String: String], into container: inout Container, _ facts: inout PrivilegeFacts
    ) {
        guard let name = annotations["nerdctl/name"] else { return }
        if !name.isEmpty { container.name = name }
        // Of what is not privileged it says nothing.
        guard annotations["nerdctl/privileged"] == "true" else { return }
        facts.declared = true
        facts.declaredBy = "nerdctl annotation privileged=true"
    }

    /// By the annotations (CRI-O's internal/factory/container and server/sandbox_run_linux.go) and by its entry in
    /// containers/storage (internal/storage/runtime.go).
    func describeCRIO(
        _ annotations: [String: String], storage path: String?, into container: inout Container,
        _ facts: inout PrivilegeFacts
    ) {
        let (list, own) = stored(container.id, at: path, nil)
        let metadata = own?.decodedMetadata
        container.isSandbox = annotations["io.kubernetes.cri-o.ContainerType"] == "sandbox"
        // `k8s_NAME_NAMESPACE_UID_ATTEMPT`: for a pod that no kubelet made and labelled (crictl).
        let sandbox = annotations["io.kubernetes.cri-o.SandboxName"]?.split(separator: "_") ?? []
        let pod = sandbox.count == 5 && sandbox[0] == "k8s" ? sandbox[1...2].map(String.init) : []
        container.pod =
            annotations["io.kubernetes.pod.name"] ?? annotations["io.kubernetes.cri-o.KubeName"] ?? pod.first
        container.podNamespace =
            annotations["io.kubernetes.pod.namespace"] ?? annotations["io.kubernetes.cri-o.Namespace"] ?? pod.last
        if !container.isSandbox {
            let request = annotations["io.kubernetes.cri-o.Metadata"].flatMap {
                RuntimeFile.decode(Array($0.utf8), as: StoredMetadata.self)
            }
            container.name =
                annotations["io.kubernetes.container.name"] ?? request?.name ?? metadata?.requestedName
        }
        // The kubelet asks by the image's id; an image without a name leaves the first one empty.
        let images = ["ImageName", "Image"].map { annotations["io.kubernetes.cri-o.\($0)"] }
        container.image = images.compactMap(\.self).first { !$0.isEmpty } ?? metadata?.imageName
        container.imageDigest = imageDigest(own?.image, containers: list)
        guard metadata?.privileged == true else { return }
        facts.declared = true
        facts.declaredBy = "CRI-O's storage metadata privileged=true"
    }

    func describeDocker(_ user: RootlessUser?, into container: inout Container, _ facts: inout PrivilegeFacts) {
        guard let data = user == nil ? "/var/lib/docker" : user?.docker else { return }
        let directory = "\(data)/containers/\(container.id.rawValue)"
        let file = "\(directory)/config.v2.json"
        guard let configuration = RuntimeFile.read(file, root: root, of: user, as: DockerConfiguration.self) else {
            return
        }
        container.runtime = .docker
        if let name = configuration.name { container.name = name.hasPrefix("/") ? String(name.dropFirst()) : name }
        container.image = configuration.config?.image
        if user == nil { container.imageDigest = dockerDigest(configuration.imageID) }
        // cri-dockerd's labels.
        let labels = configuration.config?.labels ?? [:]
        container.pod = labels["io.kubernetes.pod.name"]
        container.podNamespace = labels["io.kubernetes.pod.namespace"]
        container.isSandbox = labels["io.kubernetes.docker.type"] == "podsandbox"
        if let sandbox = labels["io.kubernetes.sandbox.id"] { facts.own.ids.insert(sandbox) }
        if container.initProcess == nil, let key = living(configuration.state?.pid, startTime: nil),
            user.map({ isOwn(key.pid, of: $0) }) ?? true
        {
            container.initProcess = key
        }
        let rights = RuntimeFile.read(
            "\(directory)/hostconfig.json", root: root, of: user, as: DockerHostConfiguration.self)
        if let privileged = rights?.privileged {
            facts.declared = privileged
            facts.declaredBy = "docker hostconfig Privileged=\(privileged)"
        }
        var told = PrivilegeFacts.DockerFacts()
        told.networkMode = rights?.networkMode
        told.restartPolicy = rights?.restartPolicy?.name
        told.restartAttempts = rights?.restartPolicy?.attempts
        for binding in (rights?.portBindings ?? [:]).values.compactMap(\.self).joined() {
            guard let port = binding.port.flatMap({ UInt16($0) }) else { continue }
            told.ports.append(PrivilegeFacts.PublishedPort(address: binding.address ?? "", port: port))
        }
        told.hasHealthCheck = configuration.config?.healthCheck.map { $0.test?.first != "NONE" } ?? false
        facts.docker = told
    }

    func describePodman(
        _ configuration: OCIConfiguration?, storage path: String?, _ user: RootlessUser?,
        into container: inout Container
    ) {
        let (list, own) = stored(container.id, at: path, user)
        if let own {
            container.name = own.names?.first ?? own.decodedMetadata?.name
            container.image = own.decodedMetadata?.imageName
            // A user writes what he likes there, and a digest is believed.
            if user == nil { container.imageDigest = imageDigest(own.image, containers: list) }
        }
        if container.name == nil { container.name = conmonName(container) }
        // A pod's containers name its infra container, whose host name is the pod's name (kube play).
        var infra: OCIConfiguration?
        if let sandbox = configuration?.annotations?["io.kubernetes.cri-o.SandboxID"],
            let id = ContainerID(validating: sandbox), id != container.id
        {
            let file = "\(list)/\(id.rawValue)/userdata/config.json"
            infra = RuntimeFile.read(file, root: root, of: user, as: OCIConfiguration.self)
        } else if let name = container.name, Self.isInfraName(name), let configuration {
            infra = configuration
            container.isSandbox = true
        }
        guard let infra else { return }
        container.pod = infra.hostname
        // podman has no namespaces: `kube play` drops the manifest's, and all its pods live in one.
        container.podNamespace = "default"
    }

    /// Where containers/storage keeps a container (`STORAGE/overlay-containers`, by the path of its configuration where that
    /// was found), and its entry there. CRI-O's configuration lies below /run, its entry never does.
    private func stored(
        _ id: ContainerID, at path: String?, _ user: RootlessUser?
    ) -> (list: String, own: StoredContainer?) {
        var lists = ContainerStorage.lists(user?.storage ?? "/var/lib/containers/storage")
        // …/overlay-containers/ID/userdata/config.json
        if let path, let end = path.firstRange(of: "-containers/\(id.rawValue)/") {
            lists.insert(String(path[..<end.lowerBound]) + "-containers", at: 0)
        }
        for list in lists {
            // The second has what needs not outlive a crash: `podman run --rm`, and all that newer CRI-Os make.
            for name in ["containers.json", "volatile-containers.json"] {
                let all = RuntimeFile.read("\(list)/\(name)", root: root, of: user, as: [StoredContainer].self) ?? []
                if let own = all.first(where: { $0.id == id.rawValue }) { return (list, own) }
            }
        }
        return (lists[0], nil)
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
        (state: "/run/k3s/containerd", root: "/var/lib/rancher/rke2/agent/containerd"),
    ]

    /// The image of a container that `ctr` or nerdctl made, what nerdctl calls it today (`nerdctl rename`), and every image's
    /// digest: only containerd's database has them, and before the task starts.
    func describeContainerd(_ configuration: OCIConfiguration?, bundle: String?, into container: inout Container) {
        let id = container.id.rawValue
        var namespace: Substring
        var roots = Self.containerds.map(\.root)
        if let bundle, let marker = bundle.firstRange(of: "/io.containerd.runtime.v2.task/") {
            // STATE/io.containerd.runtime.v2.task/NAMESPACE/ID
            let parts = bundle[marker.upperBound...].split(separator: "/", omittingEmptySubsequences: false)
            guard parts.count >= 2, parts[1] == id else { return }
            namespace = parts[0]
            // Two containerds may have containers of one name.
            let state = bundle[..<marker.lowerBound]
            let own = Self.containerds.filter { $0.state == state }.map(\.root)
            if !own.isEmpty { roots = own }
        } else {
            // ctr's cgroup: /NAMESPACE/ID
            let parts = container.cgroupPath.split(separator: "/")
            guard parts.count == 2, parts[1] == id else { return }
            namespace = parts[0]
        }
        for directory in roots {
            let path = "\(root)\(directory)/io.containerd.metadata.v1.bolt/meta.db"
            guard let database = try? BoltDatabase(path: path),
                let stored = database.value(["v1", String(namespace), "containers", id, "image"])
            else { continue }
            let name = database.value(["v1", String(namespace), "containers", id, "labels", "nerdctl/name"])
            if let name = name.flatMap({ String(validating: $0, as: UTF8.self) }), !name.isEmpty {
                container.name = name
            }
            // Empty for `ctr container create --rootfs`.
            guard let image = String(validating: stored, as: UTF8.self), !image.isEmpty else { return }
            if container.image == nil, !Self.isCRI(configuration) { container.image = image }
            let digest = database.value(["v1", String(namespace), "images", image, "target", "digest"])
            container.imageDigest = digest.flatMap { Self.digest(String(decoding: $0, as: UTF8.self)) }
            return
        }
    }

    /// `sha256:` and 64 digits, nothing else.
    private static func digest(_ text: String?) -> String? {
        guard let text, text.hasPrefix("sha256:"), text.utf8.count == 71, text.dropFirst(7).allSatisfy(\.isHexDigit)
        else { return nil }
        return text
    }

    /// docker's store has a digest for what came from a registry, under `REPOSITORY@DIGEST`.
    private func dockerDigest(_ image: String?) -> String? {
        guard let image else { return nil }
        for driver in (try? directoryEntries("\(root)/var/lib/docker/image")) ?? [] {
            let file = "\(root)/var/lib/docker/image/\(driver)/repositories.json"
            let stored = RuntimeFile.read(file, as: DockerRepositories.self)?.repositories ?? [:]
            for (name, id) in stored.values.joined() where id == image {
                if let at = name.lastIndex(of: "@"), let digest = Self.digest(String(name[name.index(after: at)...])) {
                    return digest
                }
            }
        }
        return nil
    }

    /// containers/storage's images.json, beside the containers'.
    private func imageDigest(_ image: String?, containers: String) -> String? {
        guard let image else { return nil }
        let file = "\(containers.dropLast("containers".utf8.count))images/images.json"
        let stored = RuntimeFile.read(root + file, as: [StoredImage].self) ?? []
        return Self.digest(stored.first { $0.id == image }?.digest)
    }
}

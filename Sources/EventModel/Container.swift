/// Who made a container, in the name that `nodeagent inventory` prints.
package enum ContainerRuntime: String, Sendable, CaseIterable {
    case docker, podman, containerd
    case crio = "cri-o"
    case runc, crun
    /// A system container: not an OCI runtime's.
    case lxc
    case nspawn = "systemd-nspawn"
    /// A container by its cgroup and namespaces whose maker is not known.
    case unknown
}

/// One container, as far as its runtime's files and the kernel tell.
package struct Container: Sendable, Equatable {
    package var id: ContainerID
    package var runtime: ContainerRuntime
    /// The name people use (`docker run --name`); nil where the runtime has none.
    package var name: String?
    /// The image as its engine names it, with tag or digest; nil for a bare root filesystem.
    package var image: String?
    /// `sha256:…` of the image's manifest, from the runtime's own store; docker's images without a registry have none.
    package var imageDigest: String?
    /// Init process in the initial pid namespace; nil while it is not known.
    package var initProcess: ProcessKey?
    package var pod: String?
    /// Kubernetes namespace of the pod.
    package var podNamespace: String?
    /// The container around it, for one that an engine in a container made (docker in docker, kind).
    package var outer: ContainerID?
    /// A pod's sandbox ("pause") rather than a workload.
    package var isSandbox = false
    /// Its rights; nil before it was described.
    package var privileges: ContainerPrivileges?
    /// What the runtime was told to start as its first process (`process.args`).
    package var command: [String] = []
    /// Address of the Kubernetes API that the runtime was told for its environment (KUBERNETES_SERVICE_HOST).
    package var kubernetesService: IPAddress?
    /// The host's path of its root file system, as the runtime's configuration names it.
    package var rootDirectory: String?
    /// Block and character devices that the runtime was told to give it (`linux.devices`).
    package var declaredDevices: Set<DeviceNumber> = []
    package var pidNamespace: NamespaceID?
    package var mountNamespace: NamespaceID?
    package var networkNamespace: NamespaceID?
    /// Path of its cgroup below the hierarchy's root, from the host's view.
    package var cgroupPath: String
    /// Its cgroup directory in the hierarchy in which it can be stopped, as it was when the container was described: a
    /// cgroup that is removed and made again under the same name is another one. Nil while it is not known.
    package var cgroup: CgroupID?
    /// Nanoseconds since the epoch at which the agent first saw it.
    package var firstSeen: UInt64

    package init(id: ContainerID, runtime: ContainerRuntime, cgroupPath: String, firstSeen: UInt64) {
        self.id = id
        self.runtime = runtime
        self.cgroupPath = cgroupPath
        self.firstSeen = firstSeen
    }

    /// Nil while neither the runtime's files nor the kernel could be asked.
    package var isPrivileged: Bool? { privileges?.verdict.map { $0 == .privileged } }

    /// The image without tag and digest, as `container.image.repository` has it.
    package var imageRepository: String? { repositoryPart.map(String.init) }
    /// The tag, nil where the image carries none.
    package var imageTag: String? { tagPart.map(String.init) }

    /// `imageRepository` as a part of `image`: rules ask for it at each event, and a part is no new text.
    package var repositoryPart: Substring? {
        guard let image else { return nil }
        let text = image.utf8
        let withoutDigest = text[..<(text.firstIndex(of: UInt8(ascii: "@")) ?? text.endIndex)]
        // A colon after the last slash starts a tag; one before it is a registry's port.
        let slash = withoutDigest.lastIndex(of: UInt8(ascii: "/")) ?? text.startIndex
        let colon = withoutDigest[slash...].lastIndex(of: UInt8(ascii: ":"))
        return image[..<(colon ?? withoutDigest.endIndex)]
    }

    /// `imageTag` as a part of `image`.
    package var tagPart: Substring? {
        guard let image, let repository = repositoryPart, repository.endIndex < image.endIndex else { return nil }
        let text = image.utf8
        guard text[repository.endIndex] == UInt8(ascii: ":") else { return nil }
        let rest = text[text.index(after: repository.endIndex)...]
        return image[rest.startIndex..<(rest.firstIndex(of: UInt8(ascii: "@")) ?? rest.endIndex)]
    }
}

/// How sure it is that an event is a container's.
package enum AttributionCertainty: Sendable, Equatable {
    /// The process itself was read while it lived, or its cgroup was known before it ended.
    case certain
    /// The process was gone; its parent's or its fork's container stands in.
    case inherited
    /// More than one container fits; the text says which and why.
    case ambiguous(String)
    /// Nothing is known of the process.
    case unknown

    /// The value of `attribution.certainty` in the rule language.
    package var name: String {
        switch self {
        case .certain: "certain"
        case .inherited: "inherited"
        case .ambiguous: "ambiguous"
        case .unknown: "unknown"
        }
    }
}

/// Who did it: what the inventory answers when it is asked about an event.
package struct Attribution: Sendable {
    package var process: ProcessRecord?
    /// Parent first, then its parent, at most eight.
    package var ancestors: [ProcessRecord] = []
    /// Nil for the host's own processes and for unknown ones; `certainty` tells them apart.
    package var container: Container?
    package var certainty: AttributionCertainty
    /// For an event with a `procfsEntry`: whether that process lies in the actor's own container; nil where not known.
    package var entryIsInSameContainer: Bool?
    /// For an event with a `procfsEntry`: whether that process is the actor itself.
    package var entryIsSelf: Bool?
    package var userName: String?
    /// Names of the host for the group and for the user that logged in.
    package var groupName: String?
    package var loginName: String?
    /// Of an exec: whether the program lies in the container's own layer; nil where it was not looked at.
    package var isProgramInUpperLayer: Bool?
    /// What makes nanoseconds since the epoch of those since boot; 0 where not known.
    package var clockOffset: UInt64 = 0

    package init(
        process: ProcessRecord? = nil, ancestors: [ProcessRecord] = [], container: Container? = nil,
        certainty: AttributionCertainty
    ) {
        self.process = process
        self.ancestors = ancestors
        self.container = container
        self.certainty = certainty
    }
}

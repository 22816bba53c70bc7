package import EventModel
private import FoundationEssentials
private import LinuxSystem

extension ContainerReader {
    /// The host's files of a container, as they are now: for its evidence. Paths carry the reader's root.
    package func files(of container: Container) -> ContainerFiles {
        let id = container.id.rawValue
        let discovery = ContainerDiscovery(
            id: container.id, runtime: container.runtime, cgroupPath: container.cgroupPath,
            pid: container.initProcess?.pid ?? 0)
        var asked = discovery
        asked.arguments = parentArguments(discovery)
        var files = ContainerFiles()
        // A rootless user's files are his to shape; what the kernel shows of his container is collected.
        guard asked.rootlessUser == nil, container.privileges?.facts.isRootless != true else { return files }
        let state = findState(asked, nil)
        files.states = stateFiles(asked)
        if let found = findConfiguration(asked, state: state, nil) {
            files.configurations = [root + found.path]
            let copy = "\(root)/run/crun/\(id)/config.json"
            if copy != root + found.path, isFile(copy) { files.configurations.append(copy) }
            files.rootfs = Self.rootDirectory(found.configuration, at: found.path).map { root + $0 }
            files.logs += engineLogs(found.configuration, bundle: found.path)
        }
        let docker = "\(root)/var/lib/docker/containers/\(id)"
        files.engineFiles = ["config.v2.json", "hostconfig.json"].map { "\(docker)/\($0)" }.filter(isFile)
        files.logs += newestFirst(in: docker) { $0.hasPrefix("\(id)-json.log") }
        files.logs += newestFirst(in: "\(docker)/local-logs") { $0.hasPrefix("container.log") }
        describeStorage(container, &files)
        return files
    }

    private func isFile(_ path: String) -> Bool {
        (try? FileStatus.of(path, following: false))?.isRegular ?? false
    }

    private func stateFiles(_ discovery: ContainerDiscovery) -> [String] {
        var directories = discovery.arguments?.root.map { [$0] } ?? []
        directories += stateDirectories().map(\.0).filter { !directories.contains($0) }
        return directories.flatMap { directory in
            ["state.json", "status"].map { "\(root)\(directory)/\(discovery.id.rawValue)/\($0)" }.filter(isFile)
        }
    }

    /// `root.path` may be relative to the bundle (OCI runtime specification 1.1, "Root").
    static func rootDirectory(_ configuration: OCIConfiguration, at file: String) -> String? {
        guard let path = configuration.root?.path, !path.isEmpty, !path.split(separator: "/").contains("..")
        else { return nil }
        if path.hasPrefix("/") { return path }
        guard let slash = file.lastIndex(of: "/") else { return nil }
        return "\(file[..<slash])/\(path)"
    }

    /// Files of a directory by the number in their name's end: `x.log`, `x.log.1`, `x.log.2.gz`.
    private func newestFirst(in directory: String, _ isWanted: (String) -> Bool) -> [String] {
        let names = ((try? directoryEntries(directory)) ?? []).filter(isWanted)
        let sorted = names.sorted { $0.utf8.count == $1.utf8.count ? $0 < $1 : $0.utf8.count < $1.utf8.count }
        return sorted.map { "\(directory)/\($0)" }.filter(isFile)
    }

    /// podman's k8s-file log beside the bundle's configuration; the kubelet's directory of the pod.
    private func engineLogs(_ configuration: OCIConfiguration, bundle path: String) -> [String] {
        var logs: [String] = []
        if path.contains("-containers/"), let slash = path.lastIndex(of: "/") {
            logs += newestFirst(in: root + String(path[..<slash])) { $0.hasPrefix("ctr.log") }
        }
        let annotations = configuration.annotations ?? [:]
        if let log = annotations["io.kubernetes.cri-o.LogPath"], log.hasPrefix("/var/log/pods/"),
            !log.split(separator: "/").contains(".."), let slash = log.lastIndex(of: "/")
        {
            logs += newestFirst(in: root + String(log[..<slash])) { $0.contains(".log") }
        }
        if let namespace = annotations["io.kubernetes.cri.sandbox-namespace"],
            let pod = annotations["io.kubernetes.cri.sandbox-name"],
            let uid = annotations["io.kubernetes.cri.sandbox-uid"],
            let name = annotations["io.kubernetes.cri.container-name"],
            [namespace, pod, uid, name].allSatisfy({ !$0.isEmpty && !$0.contains("/") && !$0.hasPrefix(".") })
        {
            logs += newestFirst(in: "\(root)/var/log/pods/\(namespace)_\(pod)_\(uid)/\(name)") { $0.contains(".log") }
        }
        return logs
    }

    /// containers/storage: the element of this container alone, the others are not its business.
    private func describeStorage(_ container: Container, _ files: inout ContainerFiles) {
        for storage in ["/var/lib/containers/storage", "/run/containers/storage"] {
            for list in ContainerStorage.lists(storage).flatMap({
                ["\($0)/containers.json", "\($0)/volatile-containers.json"]
            }) {
                let path = root + list
                guard let bytes = try? readFile(path, limit: RuntimeFile.sizeLimit + 1),
                    let all = try? JSONDecoder().decode([AnyEntry].self, from: Data(bytes)),
                    let own = all.first(where: { $0.id == container.id.rawValue }),
                    let text = try? JSONEncoder().encode(own)
                else { continue }
                files.storageFile = path
                files.storageEntry = Array(text)
                return
            }
        }
    }
}

/// One element of containers.json with the keys that containers/storage 1.x writes as text.
private struct AnyEntry: Codable {
    var id: String?
    var names: [String]?
    var image: String?
    var layer: String?
    var metadata: String?
    var created: String?
}

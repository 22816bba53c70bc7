import EventModel
private import LinuxSystem

/// The user of a rootless engine. His files are read as he may shape them: below his own directories, without links,
/// only what he owns; what they say is believed of his own processes alone.
struct RootlessUser: Sendable, Equatable {
    let uid: UInt32
    /// Nil where the host's passwd file does not name him.
    let home: String?

    private static let mostBytes = RuntimeFile.sizeLimit

    /// The user whose slice a cgroup lies in: `/user.slice/user-1000.slice/…`. Root in his own slice is root.
    static func uid(ofCgroup path: String) -> UInt32? {
        for part in path.split(separator: "/") where part.hasPrefix("user-") && part.hasSuffix(".slice") {
            let uid = UInt32(part.dropFirst("user-".utf8.count).dropLast(".slice".utf8.count))
            return uid == 0 ? nil : uid
        }
        return nil
    }

    /// What a user's container is called when somebody else's has the name already.
    static func id(_ name: ContainerID, of uid: UInt32) -> ContainerID? {
        ContainerID(validating: "user-\(uid)-\(name.rawValue)")
    }

    var runtimeDirectory: String { "/run/user/\(uid)" }

    /// Directories with one entry a container, and whose they are.
    var stateDirectories: [(String, ContainerRuntime)] {
        [
            ("\(runtimeDirectory)/runc", .runc), ("\(runtimeDirectory)/crun", .crun),
            ("\(runtimeDirectory)/docker/runtime-runc/moby", .docker),
            ("\(runtimeDirectory)/containerd/runc/default", .containerd),
        ]
    }

    /// containers/storage, and docker's data root.
    var storage: String? { home.map { "\($0)/.local/share/containers/storage" } }
    var docker: String? { home.map { "\($0)/.local/share/docker" } }

    func bundles(_ id: String) -> [String] {
        var bundles = [
            "\(runtimeDirectory)/docker/containerd/daemon/io.containerd.runtime.v2.task/moby/\(id)",
            "\(runtimeDirectory)/containerd/io.containerd.runtime.v2.task/default/\(id)",
        ]
        for list in storage.map(ContainerStorage.lists) ?? [] { bundles.append("\(list)/\(id)/userdata") }
        return bundles
    }

    /// Nil for a path that is not below his directories, and for what is not his.
    func read(_ path: String, root: String) -> [UInt8]? {
        for base in [runtimeDirectory, home ?? ""] where !base.isEmpty && path.hasPrefix(base + "/") {
            guard let directory = try? ForeignRoot(directory: root + base),
                let bytes = try? directory.readFile(
                    String(path.dropFirst(base.utf8.count + 1)), owner: uid, limit: Self.mostBytes + 1)
            else { continue }
            return bytes.count <= Self.mostBytes ? bytes : nil
        }
        return nil
    }
}

extension ContainerReader {
    func rootlessUser(_ uid: UInt32?) -> RootlessUser? {
        guard let uid, uid != 0 else { return nil }
        let path = (try? PasswordEntry.read("\(root)/etc/passwd"))?.first { $0.uid == uid }?.home ?? ""
        let isUsable = path.utf8.count > 1 && path.hasPrefix("/") && !path.split(separator: "/").contains("..")
        return RootlessUser(uid: uid, home: isUsable ? path : nil)
    }

    /// Containers of one user: more are not looked at, so that he cannot use up the table.
    private static let mostOfAUser = 256

    /// Those who are logged in.
    private var rootlessUsers: [RootlessUser] {
        ((try? directoryEntries("\(root)/run/user")) ?? []).compactMap { rootlessUser(UInt32($0)) }
    }

    /// Containers that rootless engines have started and whose cgroup does not say so. A user can write what he likes
    /// there: only a process in a user namespace that maps him counts, and its cgroup stands for nothing.
    package func scanRootless() -> [ContainerDiscovery] {
        var found: [ContainerDiscovery] = []
        for user in rootlessUsers {
            var seen: Set<Int32> = []
            for (directory, runtime) in user.stateDirectories {
                for name in (try? directoryEntries(root + directory, limit: Self.mostOfAUser)) ?? [] {
                    guard let id = ContainerID(validating: name),
                        let key = readState("\(directory)/\(name)", user)?.process, seen.insert(key.pid).inserted,
                        let cgroups = try? proc.cgroups(key.pid)
                    else { continue }
                    let cgroup = ContainerCgroup.classify(cgroups)
                    guard cgroup == nil || cgroup?.id == id else { continue }
                    found.append(
                        ContainerDiscovery(
                            id: id, runtime: cgroup?.runtime ?? runtime, cgroupPath: cgroup?.path ?? "/", pid: key.pid,
                            outer: cgroup?.outer, rootlessUser: user.uid))
                }
            }
        }
        return found
    }

    /// Whether a process is of a container that this user made: rootless engines map him into its user namespace.
    func isOwn(_ pid: Int32, of user: RootlessUser) -> Bool {
        guard let namespace = try? proc.namespaceByLink(pid, "user"), namespace != host.userNamespace else {
            return false
        }
        return (mappings(pid) ?? []).contains { $0.outside <= user.uid && user.uid - $0.outside < $0.count }
    }
}

import EventModel

/// Whose a container's name is. Raw runtimes let everybody choose one, and a user's cgroups carry what he writes: root's
/// containers keep theirs, and are described as root's.
extension Inventory {
    /// A user names his containers as he likes: one that is somebody else's stays his. In that one's own cgroup nobody claims
    /// anything: root can have a container in a user's slice.
    func claimsAnothers(_ id: ContainerID, _ user: UInt32?, in path: String = "/") -> Bool {
        guard let user, let known = containerTable.entries[id], known.discovery.rootlessUser != user else {
            return false
        }
        return path == "/" || known.container.cgroupPath != path
    }

    /// A name is root's when root uses it: a user's container that had it first goes by another one from then on. What is in
    /// that one's own cgroup is that one.
    mutating func giveWay(_ id: ContainerID, to user: UInt32?, in path: String = "/") {
        guard user == nil, let known = containerTable.entries[id], let owner = known.discovery.rootlessUser,
            path == "/" || known.container.cgroupPath != path, let other = freeID(id, for: owner)
        else { return }
        containerTable.rename(id, to: other)
        table.renameContainer(id, to: other)
    }

    /// The id of the container that a runtime calls `name`, by the uid that the runtime has. A user whose choice is somebody
    /// else's already gets another one; root's `exec` names whosever container there is.
    mutating func id(_ name: ContainerID, of user: UInt32?, verb: RuntimeArguments.Verb) -> ContainerID? {
        guard claimsAnothers(name, user), let user else {
            if verb != .exec { giveWay(name, to: user) }
            return name
        }
        return freeID(name, for: user)
    }

    /// The container that a runtime works on, as far as it is known.
    func container(setUpBy setup: SetupState) -> Container? {
        guard let name = setup.arguments?.id else { return nil }
        guard let user = setup.user(inCgroup: setup.cgroupPath), claimsAnothers(name, user) else {
            return containerTable[name]
        }
        return freeID(name, for: user).flatMap { containerTable[$0] }
    }

    /// Another id for a user's container whose name is somebody else's. Ends, for an id has a greatest length.
    private func freeID(_ name: ContainerID, for user: UInt32) -> ContainerID? {
        var id = RootlessUser.id(name, of: user)
        while let taken = id, claimsAnothers(taken, user) { id = RootlessUser.id(taken, of: user) }
        return id
    }
}

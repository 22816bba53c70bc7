import ContainerInventory
import EventModel
import LinuxSystem
import Testing

/// Which directory may be acted on in a container's name, by text alone.
@Suite struct IsolationPlaceTests {
    private static func tree(_ rows: [String]) -> CgroupTree {
        CgroupTree(mounts: MountInfo.parse(Array(rows.joined(separator: "\n").utf8)))
    }
    private static let unifiedRow = "30 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw"
    private static let hybridRows = [
        "30 24 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw",
        "31 24 0:27 / /sys/fs/cgroup/freezer rw - cgroup cgroup rw,freezer",
        "32 24 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd",
    ]
    private let unified = tree([unifiedRow])
    private let hybrid = tree(hybridRows)

    private func container(_ id: String = idA, at path: String, cgroup: CgroupID? = nil) throws -> Container {
        var container = Container(id: try containerID(id), runtime: .docker, cgroupPath: path, firstSeen: 1)
        container.cgroup = cgroup
        return container
    }

    private func places(_ tree: CgroupTree, _ container: Container, _ lines: String?) -> [String] {
        let memberships = lines.map { CgroupMembership.parse(Array($0.utf8)) }
        return tree.isolationPlaces(of: container, memberships: memberships).map {
            "\($0.hierarchy.isUnified ? "v2" : "v1"):\($0.path)\($0.holdsInit ? "" : " (by name)")"
        }
    }

    @Test func theUnifiedHierarchyComesFirst() throws {
        let path = "/docker/\(idA)"
        let container = try container(at: path)
        #expect(places(unified, container, "0::\(path)") == ["v2:\(path)"])
        #expect(places(hybrid, container, "6:freezer:\(path)\n0::\(path)") == ["v2:\(path)", "v1:\(path)"])
    }

    /// The v2 line of a hybrid host is often the root: never that.
    @Test func theRootIsNoPlace() throws {
        let path = "/docker/\(idA)"
        let container = try container(at: path)
        #expect(
            places(hybrid, container, "6:freezer:\(path)\n1:name=systemd:\(path)\n0::/")
                == ["v1:\(path)", "v2:\(path) (by name)"])
        #expect(places(hybrid, try self.container(at: "/"), "6:freezer:/\n0::/").isEmpty)
        #expect(places(hybrid, try self.container(at: "/"), nil).isEmpty)
    }

    /// A container's first process may sit deeper (systemd in a container, crun's `container`); all of it is meant.
    @Test func theContainersOwnIsMeantAndNotWhatIsBelow() throws {
        let path = "/machine.slice/libpod-\(idA).scope"
        let container = try container(at: path)
        #expect(places(unified, container, "0::\(path)/container") == ["v2:\(path)"])
        #expect(places(unified, container, "0::\(path)/docker/\(idB)") == ["v2:\(path)"])
        // The inner one's own, in the outer one.
        let inner = try self.container(idB, at: "\(path)/docker/\(idB)")
        #expect(places(unified, inner, "0::\(path)/docker/\(idB)") == ["v2:\(path)/docker/\(idB)"])
    }

    @Test func anotherContainersIsNot() throws {
        let container = try container(at: "/docker/\(idA)")
        #expect(places(unified, container, "0::/docker/\(idB)") == ["v2:/docker/\(idA) (by name)"])
        #expect(places(unified, try self.container("web", at: "/docker/\(idB)"), "0::/docker/\(idB)").isEmpty)
        #expect(places(unified, try self.container("web", at: "/docker/\(idB)/web"), "0::/docker/\(idB)/web").isEmpty)
    }

    /// Seen from a cgroup namespace of one's own, what lies outside begins with `/..`.
    @Test func pathsThatLeadUpwardsAreNone() throws {
        let path = "/docker/\(idA)"
        #expect(places(unified, try container(at: path), "0::/..\(path)") == ["v2:\(path) (by name)"])
        #expect(places(unified, try container(at: "/..\(path)"), "0::/..\(path)").isEmpty)
    }

    @Test func aFreeNameNeedsItsFirstProcess() throws {
        let web = try container("web", at: "/default/web")
        #expect(places(unified, web, "0::/default/web") == ["v2:/default/web"])
        #expect(places(unified, web, nil).isEmpty)
        #expect(places(unified, web, "0::/default").isEmpty)
        #expect(places(unified, web, "0::/default/web/own").isEmpty)
        // Known by its directory, what lies below is its own.
        let known = try container("web", at: "/default/web", cgroup: CgroupID(7))
        #expect(places(unified, known, "0::/default/web/own") == ["v2:/default/web"])
        #expect(places(unified, known, "0::/default/website").isEmpty)
    }

    @Test(arguments: [
        "/user.slice", "/system.slice/cron.service", "/init.scope", "/user.slice/user-0.slice/session-3.scope",
        "/machine.slice/libpod-conmon-x.scope", "/system.slice/dbus.socket", "/a/../web", "/a/./web", "/a//web", "web",
        "/supervisor", "//", "/web/",
    ])
    func noFreeName(_ path: String) throws {
        #expect(places(unified, try container("web", at: path, cgroup: CgroupID(7)), "0::\(path)").isEmpty)
    }
}

import ContainerInventory
import EventModel
import Testing

@Suite struct SetupStateTests {
    let hostMounts = testHost.mountNamespace
    let containerMounts = NamespaceID(4_026_532_177)

    func facts(
        _ executable: FileID?, path: String = "/usr/sbin/runc", mount: NamespaceID?,
        pid: NamespaceID? = testHost.pidNamespace,
        arguments: [String] = [], uid: UInt32 = 0
    ) -> ProcessFacts {
        ProcessFacts(
            key: ProcessKey(pid: 10, startTime: 1), parentPID: 1, comm: "runc", executable: executable,
            executablePath: path, commandLine: arguments, mountNamespace: mount, pidNamespace: pid,
            uid: uid)
    }

    func next(_ current: SetupState?, _ facts: ProcessFacts?, inside: Bool = false) -> SetupState? {
        SetupState.afterExec(current, facts: facts, isInContainer: inside, host: testHost)
    }

    @Test func beginsAtTheHostsRuntime() throws {
        let state = try #require(next(nil, facts(runc, mount: hostMounts, arguments: ["runc", "run", "web"])))
        #expect(state.arguments?.id.rawValue == "web")
        #expect(state.mountNamespace == hostMounts)
        // The daemon's own mount namespace is as good as the host's.
        #expect(next(nil, facts(runc, mount: NamespaceID(9))) != nil)
    }

    @Test func neverBeginsByName() {
        #expect(
            next(nil, facts(busybox, path: "/usr/sbin/runc", mount: hostMounts, arguments: ["runc", "run", "x"])) == nil
        )
        #expect(
            next(nil, facts(busybox, path: "/memfd:runc_cloned:/proc/self/exe (deleted)", mount: hostMounts)) == nil)
    }

    /// A container with the host's / mounted runs the host's runc; so does one with the host's pids.
    @Test func neverBeginsInsideContainers() {
        #expect(next(nil, facts(runc, mount: containerMounts), inside: true) == nil)
        #expect(next(nil, facts(runc, mount: hostMounts, pid: NamespaceID(5))) == nil)
        #expect(next(nil, facts(runc, mount: hostMounts, pid: nil)) == nil)
        var unread = facts(runc, mount: hostMounts)
        unread.isCgroupKnown = false
        #expect(next(nil, unread) == nil)
    }

    /// Anybody may execute a runtime: what it was told is his word. Of nobody's, nothing is taken.
    @Test func carriesWhoseItIs() throws {
        let line = ["runc", "--root", "/r", "run", "web"]
        let cases: [(UInt32, UInt32?, Bool)] = [(0, 0, true), (1000, 1000, true), (.max, nil, false)]
        for (uid, known, hasArguments) in cases {
            let state = try #require(next(nil, facts(runc, mount: hostMounts, arguments: line, uid: uid)))
            #expect(state.uid == known)
            #expect((state.arguments != nil) == hasArguments)
            // Whoever is seen in it later.
            let again = try #require(next(state, facts(runc, mount: hostMounts, arguments: line, uid: 0)))
            #expect(again.uid == known)
            #expect((again.arguments != nil) == hasArguments)
        }
    }

    @Test func staysAtReexecInTheSameMounts() throws {
        let state = try #require(next(nil, facts(runc, mount: hostMounts, arguments: ["runc", "run", "web"])))
        let again = try #require(next(state, facts(runc, mount: hostMounts, arguments: ["runc", "init"])))
        #expect(again.arguments?.id.rawValue == "web")
        let copy = facts(
            FileID(device: DeviceNumber(major: 0, minor: 1), inode: 3),
            path: "/memfd:runc_cloned:/proc/self/exe (deleted)", mount: hostMounts)
        let sealed = try #require(next(again, copy, inside: true))
        #expect(sealed.executablePath == again.executablePath, "the copy's name does not say whose it is")
        #expect(next(sealed, copy) != nil)
        let detached = try #require(next(again, facts(runc, path: "/", mount: hostMounts)))
        #expect(detached.executablePath == again.executablePath)
    }

    @Test func endsAtTheFirstOtherExec() throws {
        let state = try #require(next(nil, facts(runc, mount: hostMounts)))
        #expect(next(state, facts(busybox, path: "/bin/sh", mount: containerMounts)) == nil)
        // A hook of the runtime, in the host's mounts.
        #expect(next(state, facts(bash, path: "/bin/bash", mount: hostMounts)) == nil)
        // A container's entrypoint that is /proc/self/exe, or a memfd of its own.
        #expect(next(state, facts(runc, mount: containerMounts)) == nil)
        #expect(next(state, facts(busybox, path: "/memfd:x", mount: containerMounts)) == nil)
        #expect(next(state, facts(busybox, path: "/usr/sbin/runc", mount: containerMounts)) == nil)
        // Too short-lived to be read: no immunity.
        #expect(next(state, nil) == nil)
        #expect(next(state, facts(runc, mount: nil)) == nil)
    }
}

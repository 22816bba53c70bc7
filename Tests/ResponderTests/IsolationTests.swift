import ContainerInventory
import EventModel
import Glibc
import LinuxSystem
import Responder
import Testing

/// Real processes in real cgroups of this machine.
@Suite(.enabled(if: isRoot, "makes cgroups: needs root")) struct IsolationTests {
    @Test(arguments: Freezer.present)
    func frozenStandsStillAndGoesOn(_ freezer: Freezer) throws {
        let target = try TestContainer(freezer)
        let counter = try target.run("while :; do :; done")
        let directory = try RuntimeDirectory()
        let isolation = try directory.isolation()
        #expect(try goesOn(counter))

        let record = isolation.freeze(try target.container(initProcess: counter), ttl: nil, origin: .operator)
        #expect(record.outcome == .done)
        #expect(record.started != nil)
        #expect((record.nanoseconds ?? 0) > 0)
        #expect(target.isFrozen)
        #expect(try standsStill(counter))
        #expect(isolation.status().map(\.container) == [target.id])

        #expect(isolation.release(target.id, origin: .operator).outcome == .done)
        #expect(try goesOn(counter))
        #expect(isolation.status().isEmpty)
        #expect(isolation.release(target.id, origin: .operator).outcome == .refused(.notOurs))
    }

    @Test(arguments: Freezer.present)
    func processesBelowItAreStoppedToo(_ freezer: Freezer) throws {
        let target = try TestContainer(freezer)
        try target.make("\(target.path)/own/deeper")
        let first = try target.sleep(below: "/own")
        let counter = try target.run("while :; do :; done", below: "/own/deeper")
        let isolation = try RuntimeDirectory().isolation()
        let record = isolation.freeze(try target.container(initProcess: first), ttl: nil, origin: .operator)
        #expect(record.outcome == .done)
        #expect(try standsStill(counter))
        #expect(isolation.releaseAll().map(\.outcome) == [.done])
        #expect(try goesOn(counter))
    }

    @Test(arguments: Freezer.present)
    func anotherFreezeExtendsNothing(_ freezer: Freezer) throws {
        let target = try TestContainer(freezer)
        let first = try target.sleep()
        let isolation = try RuntimeDirectory().isolation()
        let container = try target.container(initProcess: first)
        #expect(isolation.freeze(container, ttl: 5_000_000_000, origin: .operator).outcome == .done)
        let deadline = isolation.status().first?.deadline
        let again = isolation.freeze(container, ttl: 500_000_000_000, origin: .rule("R"))
        #expect(again.outcome.name == "unchanged")
        #expect(isolation.status().first?.deadline == deadline)
        #expect(target.isFrozen)
    }

    @Test(arguments: Freezer.present)
    func itGoesOnWhenItsTimeIsOver(_ freezer: Freezer) throws {
        let target = try TestContainer(freezer)
        let first = try target.sleep()
        let isolation = try RuntimeDirectory().isolation()
        _ = isolation.freeze(try target.container(initProcess: first), ttl: 60_000_000_000, origin: .operator)
        let deadline = try #require(isolation.nextDeadline)
        #expect(isolation.status().first?.remaining(now: deadline - 7) == 7)
        #expect(isolation.releaseExpired(now: deadline - 1).isEmpty)
        #expect(target.isFrozen)
        #expect(isolation.releaseExpired(now: deadline).map(\.outcome) == [.done])
        #expect(!target.isFrozen)
        #expect(isolation.nextDeadline == nil)
    }

    @Test(arguments: Freezer.present)
    func whatSomebodyElseFrozeIsLeftAlone(_ freezer: Freezer) throws {
        let target = try TestContainer(freezer)
        let first = try target.sleep()
        try target.setFrozen(true)
        try waitUntil { target.isFrozen }
        let isolation = try RuntimeDirectory().isolation()
        let record = isolation.freeze(try target.container(initProcess: first), ttl: 1, origin: .operator)
        #expect(record.outcome.name == "unchanged")
        #expect(isolation.releaseExpired(now: .max).isEmpty)
        #expect(isolation.release(target.id, origin: .operator).outcome == .refused(.notOurs))
        let recovery = isolation.recover()
        #expect(recovery.released.isEmpty)
        #expect(recovery.unknownFrozen.contains { $0.container == target.id && $0.path == target.path })
        #expect(target.isFrozen)
    }

    /// crun pauses the cgroup of the first process, one below the container's own.
    @Test(arguments: Freezer.present)
    func aPauseBelowItIsSomebodyElses(_ freezer: Freezer) throws {
        let target = try TestContainer(freezer)
        try target.make("\(target.path)/container/own")
        let first = try target.sleep(below: "/container/own")
        try target.setFrozen(true, below: "/container")
        let isolation = try RuntimeDirectory().isolation()
        let container = try target.container(initProcess: first)
        var record = isolation.freeze(container, ttl: nil, origin: .operator)
        #expect(record.outcome == .unchanged("it is frozen already, by somebody else"))
        #expect(!target.isFrozen)
        #expect(
            isolation.unknownFrozen([container]).contains {
                $0.container == target.id && $0.path == "\(target.path)/container"
            })
        // A container that stops a part of itself is not paused: what goes on beside it is frozen.
        let counter = try target.run("while :; do :; done")
        record = isolation.freeze(container, ttl: nil, origin: .operator)
        #expect(record.outcome == .done)
        #expect(try standsStill(counter))
        #expect(isolation.release(target.id, origin: .operator).outcome.name != "failed")
        #expect(try goesOn(counter))
        try target.setFrozen(false, below: "/container")
    }

    @Test(arguments: Freezer.present)
    func whatWasLetGoByHandIsOnlyNoted(_ freezer: Freezer) throws {
        let target = try TestContainer(freezer)
        let first = try target.sleep()
        let isolation = try RuntimeDirectory().isolation()
        let container = try target.container(initProcess: first)
        _ = isolation.freeze(container, ttl: nil, origin: .operator)
        try target.setFrozen(false)
        try waitUntil { !target.isFrozen }
        #expect(isolation.release(target.id, origin: .operator).outcome.name == "unchanged")
        // And may be frozen anew.
        #expect(isolation.freeze(container, ttl: nil, origin: .operator).outcome == .done)
        try target.setFrozen(false)
        try waitUntil { !target.isFrozen }
        #expect(isolation.freeze(container, ttl: nil, origin: .operator).outcome == .done)
        #expect(target.isFrozen)
    }

    @Test(arguments: Freezer.present)
    func aDryRunTouchesNothing(_ freezer: Freezer) throws {
        let target = try TestContainer(freezer)
        let first = try target.sleep()
        let isolation = try RuntimeDirectory().isolation()
        let container = try target.container(initProcess: first)
        #expect(isolation.freeze(container, ttl: nil, origin: .rule("R"), dryRun: true).outcome == .wouldAct)
        #expect(isolation.kill(container, origin: .rule("R"), dryRun: true).outcome == .wouldAct)
        #expect(!target.isFrozen)
        #expect(target.processes == [first])
        #expect(isolation.status().isEmpty)
    }

    @Test(arguments: Freezer.present)
    func processesOfItsPidNamespaceOutsideAreTold(_ freezer: Freezer) throws {
        let target = try TestContainer(freezer)
        // The first process of a pid namespace is unshare's child.
        try target.run("sleep 1000 & sleep 1000", program: ["/usr/bin/unshare", "--pid", "--fork", "/bin/sh", "-c"])
        var inner: [Int32] = []
        try waitUntil {
            inner = target.processes.filter { (try? proc.status($0)["NSpid"])??.split(separator: "\t").count == 2 }
            return inner.count == 3
        }
        let first = try #require(inner.first { (try? proc.status($0)["NSpid"])??.hasSuffix("\t1") == true })
        let leaver = try #require(inner.first { $0 != first })
        let hierarchy = try #require(freezer.hierarchy)
        try TestContainer.write("\(leaver)", "\(hierarchy.mountPoint)\(target.parent)/cgroup.procs")
        let isolation = try RuntimeDirectory().isolation()
        let record = isolation.freeze(try target.container(initProcess: first), ttl: nil, origin: .operator)
        #expect(record.outside == [leaver])
        #expect(record.outcome.name == "partial")
        #expect(target.isFrozen)
    }

    /// A pod's sandbox is people's business.
    @Test(arguments: Freezer.present)
    func rulesDoNotStopASandbox(_ freezer: Freezer) throws {
        let target = try TestContainer(freezer)
        let first = try target.sleep()
        let isolation = try RuntimeDirectory().isolation()
        var container = try target.container(initProcess: first)
        container.isSandbox = true
        #expect(isolation.freeze(container, ttl: nil, origin: .rule("R")).outcome == .refused(.sandbox))
        #expect(isolation.kill(container, origin: .rule("R")).outcome == .refused(.sandbox))
        #expect(!target.isFrozen)
        #expect(isolation.freeze(container, ttl: nil, origin: .operator).outcome == .done)
    }

    @Test(arguments: Freezer.present)
    func rulesAreLimitedAndPeopleAreNot(_ freezer: Freezer) throws {
        let target = try TestContainer(freezer)
        let first = try target.sleep()
        let isolation = try RuntimeDirectory().isolation()
        let container = try target.container(initProcess: first)
        #expect(isolation.freeze(container, ttl: nil, origin: .rule("R")).outcome == .done)
        _ = isolation.release(container.id, origin: .operator)
        let again = isolation.freeze(container, ttl: nil, origin: .rule("R"))
        #expect(again.outcome == .refused(.limited(.repeated)))
        #expect(!target.isFrozen)
        #expect(isolation.freeze(container, ttl: nil, origin: .operator).outcome == .done)
    }

    /// Requests that are refused whatever the limits say use up nothing of other containers'.
    @Test(arguments: Freezer.present)
    func refusedRequestsAreNotCounted(_ freezer: Freezer) throws {
        let decoy = try TestContainer(freezer)
        let inside = try decoy.sleep()
        let target = try TestContainer(freezer)
        let first = try target.sleep()
        let isolation = try RuntimeDirectory().isolation(agent: [inside])
        let refused = try decoy.container(initProcess: inside)
        for _ in 0..<20 {
            #expect(
                isolation.freeze(refused, ttl: nil, origin: .rule("R")).outcome
                    == .refused(.protected(pid: inside, .agent)))
        }
        #expect(
            isolation.freeze(try target.container(initProcess: first), ttl: nil, origin: .rule("R")).outcome == .done)
    }

    // MARK: Size

    /// Levels and their names are the container's choice; the last has a path longer than the kernel can write down.
    @Test(arguments: Freezer.present, [(200, 4), (25, 200)])
    func noDepthShieldsAContainer(_ freezer: Freezer, shape: (levels: Int, length: Int)) throws {
        let target = try TestContainer(freezer)
        let first = try target.sleep()
        let deep = try target.run("while :; do :; done")
        try target.nest(shape.levels, name: String(repeating: "d", count: shape.length), moving: deep)
        let isolation = try RuntimeDirectory().isolation()
        let container = try target.container(initProcess: first)
        #expect(isolation.freeze(container, ttl: nil, origin: .operator).outcome == .done)
        #expect(try standsStill(deep))
        #expect(isolation.release(container.id, origin: .operator).outcome == .done)
        #expect(try goesOn(deep))
        #expect(isolation.kill(container, origin: .operator).outcome == .done)
        try waitUntil { (try? proc.stat(deep).state) == nil || (try? proc.stat(deep).state) == "Z" }
        try target.unnest(shape.levels, name: String(repeating: "d", count: shape.length))
    }

    /// One by one, as kernels before 5.14 need it, also what was stopped in the deepest on its own account.
    @Test(arguments: Freezer.present)
    func noDepthShieldsFromSignals(_ freezer: Freezer) throws {
        let target = try TestContainer(freezer)
        let deep = try target.run("while :; do :; done")
        let name = String(repeating: "d", count: 200)
        try target.nest(25, name: name, moving: deep, isStopped: true)
        let directory = try CgroupDirectory(try #require(freezer.hierarchy), path: target.path)
        guard case .empty = try directory.kill(usingKillFile: false, mayKill: { _ in true }) else {
            Issue.record("it lives")
            return
        }
        try waitUntil { (try? proc.stat(deep).state) == nil || (try? proc.stat(deep).state) == "Z" }
        try target.unnest(25, name: name)
    }

    // MARK: Kill

    @Test(arguments: Freezer.present)
    func killEndsAll(_ freezer: Freezer) throws {
        let target = try TestContainer(freezer)
        try target.make("\(target.path)/below")
        let first = try target.sleep()
        try target.sleep(below: "/below")
        let isolation = try RuntimeDirectory().isolation()
        #expect(isolation.kill(try target.container(initProcess: first), origin: .operator).outcome == .done)
        #expect(target.processes.isEmpty)
        #expect(!target.isFrozen)
    }

    @Test(arguments: Freezer.present)
    func killEndsWhatIsFrozen(_ freezer: Freezer) throws {
        let target = try TestContainer(freezer)
        try target.make("\(target.path)/below")
        let first = try target.sleep()
        try target.sleep(below: "/below")
        // One below that was stopped on its own account: thawing the parent alone would leave it.
        try target.setFrozen(true, below: "/below")
        let isolation = try RuntimeDirectory().isolation()
        let container = try target.container(initProcess: first)
        #expect(isolation.freeze(container, ttl: nil, origin: .operator).outcome == .done)
        #expect(isolation.kill(container, origin: .operator).outcome == .done)
        #expect(target.processes.isEmpty)
        #expect(isolation.status().isEmpty)
    }

    /// Both ways on v2: by the kernel's own file, and as kernels before 5.14 need it.
    @Test(.serialized, arguments: Freezer.present, [true, false])
    func noForkOutrunsAKill(_ freezer: Freezer, usingKillFile: Bool) throws {
        let target = try TestContainer(freezer)
        try target.run(
            """
            i=0; while [ $i -lt 200 ]; do (while :; do sleep 0.1; done) & i=$((i+1)); done; wait
            """)
        try waitUntil(60) { target.processes.count > 200 }
        let hierarchy = try #require(freezer.hierarchy)
        let directory = try CgroupDirectory(hierarchy, path: target.path)
        let outcome = try directory.kill(usingKillFile: usingKillFile) { _ in true }
        guard case .empty = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(target.processes.isEmpty)
        usleep(50_000)
        #expect(target.processes.isEmpty)
    }

    // MARK: Whose cgroup it is

    @Test(arguments: Freezer.present)
    func aCgroupOfTheSameNameIsAnother(_ freezer: Freezer) throws {
        let target = try TestContainer(freezer)
        var container = try target.container()
        try target.remake()
        let innocent = try target.sleep()
        let isolation = try RuntimeDirectory().isolation()
        let record = isolation.freeze(container, ttl: nil, origin: .operator)
        guard case .refused(.identityChanged) = record.outcome else {
            Issue.record("\(record)")
            return
        }
        #expect(!target.isFrozen)
        // Described anew it is itself again.
        container.cgroup = target.cgroup
        container.initProcess = try target.key(innocent)
        #expect(isolation.freeze(container, ttl: nil, origin: .operator).outcome == .done)
    }

    /// Removed and made again between opening and writing.
    @Test(arguments: Freezer.present)
    func anOpenCgroupIsNeverItsSuccessor(_ freezer: Freezer) throws {
        let target = try TestContainer(freezer)
        let first = try target.sleep()
        let hierarchy = try #require(freezer.hierarchy)
        let directory = try CgroupDirectory(hierarchy, path: target.path)
        let scope = try ContainerScope(try target.container(initProcess: first), tree: tree, proc: proc)
        Glibc.kill(first, SIGKILL)
        try waitUntil { target.processes.isEmpty }
        try target.remake()
        try target.sleep()
        #expect(throws: SystemError.self) { try directory.freeze() }
        #expect(throws: SystemError.self) { try directory.processes(until: .max) }
        #expect(throws: RefusalReason.self) { try scope.verify(proc: proc) }
        #expect(!target.isFrozen)
    }

    /// After its freeze the container ended, and another has its name: that one is not set going.
    @Test(arguments: Freezer.present)
    func aReleaseNeverMeetsASuccessor(_ freezer: Freezer) throws {
        let target = try TestContainer(freezer)
        let first = try target.sleep()
        let isolation = try RuntimeDirectory().isolation()
        _ = isolation.freeze(try target.container(initProcess: first), ttl: nil, origin: .operator)
        Glibc.kill(first, SIGKILL)
        try target.setFrozen(false)
        try waitUntil { target.processes.isEmpty }
        try target.remake()
        try target.sleep()
        try target.setFrozen(true)
        try waitUntil { target.isFrozen }
        #expect(isolation.release(target.id, origin: .operator).outcome == .unchanged("its cgroup is gone"))
        #expect(target.isFrozen)
        #expect(isolation.status().isEmpty)
    }

    /// The number of the first process is another process' by now.
    @Test(arguments: Freezer.present)
    func aPidThatIsUsedAgainProvesNothing(_ freezer: Freezer) throws {
        let target = try TestContainer(freezer, name: "raw")
        let pid = try target.run("1000", program: ["/usr/bin/unshare", "--mount", "/bin/sleep"])
        try waitUntil { (try? proc.stat(pid).comm) == "sleep" }
        let isolation = try RuntimeDirectory().isolation()
        var container = try target.container(initProcess: pid)
        container.initProcess?.startTime += 1
        #expect(isolation.freeze(container, ttl: nil, origin: .operator).outcome == .refused(.noScope))
        container.initProcess?.startTime = 0
        #expect(isolation.freeze(container, ttl: nil, origin: .operator).outcome == .refused(.noScope))
        #expect(!target.isFrozen)
        container.initProcess = try target.key(pid)
        #expect(isolation.freeze(container, ttl: nil, origin: .operator).outcome == .done)
        #expect(target.isFrozen)
    }

    @Test(arguments: Freezer.present)
    func theFirstProcessCannotHideItsCgroup(_ freezer: Freezer) throws {
        let target = try TestContainer(freezer)
        let first = try target.sleep()
        let counter = try target.run("while :; do :; done")
        let container = try target.container(initProcess: first)
        let hierarchy = try #require(freezer.hierarchy)
        let isolation = try RuntimeDirectory().isolation()
        // Into a cgroup below with another container's name.
        let other = String(repeating: "ab", count: 32)
        try target.make("\(target.path)/docker/\(other)")
        try TestContainer.write("\(first)", "\(target.directory)/docker/\(other)/cgroup.procs")
        #expect(isolation.freeze(container, ttl: nil, origin: .operator).outcome == .done)
        #expect(try standsStill(counter))
        _ = isolation.release(container.id, origin: .operator)
        // Out of it: what it left behind is stopped all the same.
        try TestContainer.write("\(first)", "\(hierarchy.mountPoint)\(target.parent)/cgroup.procs")
        #expect(isolation.freeze(container, ttl: nil, origin: .operator).outcome == .done)
        #expect(try standsStill(counter))
        Glibc.kill(first, SIGKILL)
    }

    @Test(arguments: Freezer.present)
    func anEmptyOrForeignCgroupIsRefused(_ freezer: Freezer) throws {
        let target = try TestContainer(freezer)
        let isolation = try RuntimeDirectory().isolation()
        let empty = isolation.freeze(try target.container(), ttl: nil, origin: .operator)
        guard case .refused(.identityChanged) = empty.outcome else {
            Issue.record("\(empty)")
            return
        }
        let first = try target.sleep()
        for path in ["/", "", target.parent, "\(target.parent)/docker", "\(target.path)/../..", "/user.slice"] {
            var container = try target.container()
            container.cgroupPath = path
            let record = isolation.freeze(container, ttl: nil, origin: .operator)
            #expect(record.outcome == .refused(.noScope), "\(path)")
        }
        // Another container's first process does not open its cgroup for this one.
        var stranger = try target.container(initProcess: first)
        stranger.id = try #require(ContainerID(validating: String(repeating: "cd", count: 32)))
        #expect(isolation.freeze(stranger, ttl: nil, origin: .operator).outcome == .refused(.noScope))
        #expect(!target.isFrozen)
    }

    @Test(arguments: Freezer.present, ["app.slice", "app.service", "init.scope", "session-3.scope", "libpod-conmon-x"])
    func unitsOfTheHostAreNoContainers(_ freezer: Freezer, name: String) throws {
        let target = try TestContainer(freezer, name: name)
        let pid = try target.run("1000", program: ["/usr/bin/unshare", "--mount", "/bin/sleep"])
        try waitUntil { (try? proc.stat(pid).comm) == "sleep" }
        let isolation = try RuntimeDirectory().isolation()
        let record = isolation.freeze(try target.container(initProcess: pid), ttl: nil, origin: .operator)
        #expect(record.outcome == .refused(.noScope))
        #expect(!target.isFrozen)
    }

    /// Names of cgroups are bytes, and a container chooses those below its own.
    @Test(arguments: Freezer.present)
    func namesThatAreNoTextHideNothing(_ freezer: Freezer) throws {
        let target = try TestContainer(freezer)
        let hierarchy = try #require(freezer.hierarchy)
        let path = "\(target.directory)/x".utf8.map { CChar(bitPattern: $0) } + [CChar(bitPattern: 0xff), 0]
        #expect(unsafe mkdir(path, 0o755) == 0)
        // The other members are found by name as text, this one is not.
        defer { try? waitUntil { unsafe rmdir(path) == 0 } }
        let first = try target.sleep()
        // The shell gets the byte by printf, and waits until it has been seen above.
        let mover = try target.run(
            "sleep 0.3; echo $$ > \"$(printf '\(target.directory)/x\\377')/cgroup.procs\"; while :; do :; done")
        try waitUntil { try !readFile("\(target.directory)/cgroup.procs").isEmpty && goesOn(mover) }
        let directory = try CgroupDirectory(hierarchy, path: target.path)
        try waitUntil {
            let top = String(decoding: try readFile("\(target.directory)/cgroup.procs"), as: UTF8.self)
            return !top.contains("\(mover)\n")
        }
        let found = try directory.processes(until: .max)
        #expect(found.pids == [first, mover].sorted())
        #expect(found.isComplete)
        #expect(try directory.kill(usingKillFile: false) { _ in true } != .remaining([mover]))
        try waitUntil { (try? proc.stat(mover).state) == nil || (try? proc.stat(mover).state) == "Z" }
    }
}

import ContainerInventory
import EventModel
import Glibc
import LinuxSystem
import Responder
import Testing

/// Control files that do not answer, as under a permission mark of the container's: here a FIFO is mounted on them, whose
/// opening hangs as well.
@Suite(.enabled(if: isRoot, "makes cgroups and mounts: needs root")) struct HeldUpTests {
    private let second: UInt64 = 1_000_000_000

    @Test(arguments: Freezer.present)
    func aFreezeFailsInTimeAndHoldsUpNoOther(_ freezer: Freezer) throws {
        let target = try TestContainer(freezer)
        let container = try target.container(initProcess: try target.sleep())
        let other = try TestContainer(freezer)
        let innocent = try other.container(initProcess: try other.sleep())
        let isolation = try RuntimeDirectory().isolation()
        try target.cover([target.freezeFile])

        for limit in [4 * second, second] {
            let start = monotonicNanoseconds()
            let record = isolation.freeze(container, ttl: nil, origin: .operator)
            #expect(record.outcome.name == "failed")
            #expect(record.outcome.reason?.contains("permission mark") == true)
            #expect(record.started == nil)
            // The second one does not wait again.
            #expect(monotonicNanoseconds() - start < limit)
        }
        #expect(isolation.status().isEmpty)
        #expect(isolation.journal.unfinished.isEmpty)
        #expect(isolation.freeze(innocent, ttl: nil, origin: .operator).outcome == .done)

        target.uncover()
        try waitUntil { isolation.freeze(container, ttl: nil, origin: .operator).outcome == .done }
        #expect(target.isFrozen)
        #expect(isolation.releaseAll().map(\.outcome) == [.done, .done])
    }

    /// What was open before the container could do anything is written to all the same.
    @Test(arguments: Freezer.present)
    func whatIsOpenAlreadyIsNotHeldUp(_ freezer: Freezer) throws {
        let target = try TestContainer(freezer)
        let counter = try target.run("while :; do :; done")
        let container = try target.container(initProcess: counter)
        let isolation = try RuntimeDirectory().isolation()
        isolation.prepare([container])
        try target.cover(
            freezer == .v1 ? ["freezer.state", "freezer.self_freezing"] : ["cgroup.freeze", "cgroup.events"])
        #expect(isolation.freeze(container, ttl: nil, origin: .operator).outcome == .done)
        #expect(try standsStill(counter))
        #expect(isolation.release(container.id, origin: .operator).outcome == .done)
        #expect(try goesOn(counter))
    }

    /// Signals need none of the cgroup's files.
    @Test(arguments: Freezer.present)
    func aKillIsNotHeldUp(_ freezer: Freezer) throws {
        let target = try TestContainer(freezer)
        let container = try target.container(initProcess: try target.sleep())
        let isolation = try RuntimeDirectory().isolation()
        try target.cover(freezer == .v1 ? ["freezer.state"] : ["cgroup.freeze", "cgroup.kill", "cgroup.events"])
        let start = monotonicNanoseconds()
        #expect(isolation.kill(container, origin: .operator).outcome == .done)
        #expect(monotonicNanoseconds() - start < 8 * second)
        #expect(target.processes.isEmpty)
    }

    /// Neither the freeze nor its withdrawal can be written: whether it stands still is not known, so it is kept.
    @Test(.enabled(if: Freezer.v2.hierarchy != nil, "needs cgroup v2"))
    func whatCannotBeTakenBackIsKept() throws {
        let target = try TestContainer(.v2)
        let container = try target.container(initProcess: try target.sleep())
        let directory = try RuntimeDirectory()
        try target.cover([target.freezeFile], by: "/dev/full")
        do {
            let isolation = try directory.isolation()
            #expect(isolation.freeze(container, ttl: nil, origin: .operator).outcome.name == "failed")
            #expect(isolation.status().map(\.container) == [target.id])
            #expect(isolation.journal.unfinished.map(\.container) == [target.id])
            // It is tried again by itself, also where nobody set a time.
            let next = try #require(isolation.nextDeadline)
            #expect(next > monotonicNanoseconds())
            #expect(isolation.releaseExpired(now: next - 1).isEmpty)
        }
        target.uncover()
        try target.setFrozen(true)
        let recovery = try directory.isolation().recover()
        #expect(recovery.released.map(\.outcome) == [.done])
        #expect(!target.isFrozen)
    }
}

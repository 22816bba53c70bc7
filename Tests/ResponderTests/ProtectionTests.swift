import ContainerInventory
import EventModel
import Foundation
import Glibc
import LinuxSystem
import Responder
import Testing

@Suite struct ProtectionTests {
    private let host = NamespaceID(4_026_531_832)
    private let own = NamespaceID(4_026_532_900)
    private let runc = FileID(device: DeviceNumber(major: 254, minor: 0), inode: 77)
    private let sshd = FileID(device: DeviceNumber(major: 254, minor: 0), inode: 78)
    private let agent = FileID(device: DeviceNumber(major: 254, minor: 0), inode: 79)
    private let busybox = FileID(device: DeviceNumber(major: 0, minor: 39), inode: 5)

    private func protection() throws -> Protection {
        let identity = HostIdentity(
            mountNamespace: host, pidNamespace: NamespaceID(4_026_531_836), networkNamespace: NamespaceID(1),
            userNamespace: NamespaceID(2), root: FileID(device: DeviceNumber(major: 254, minor: 0), inode: 2),
            boundingCapabilities: [], runtimeBinaries: [runc])
        var protection = Protection(
            host: identity, agent: [500, 501], ownPID: getpid(), binaries: ProtectedBinaries(names: [sshd: "sshd"]),
            proc: proc)
        protection.ancestors = [400]
        protection.agentExecutable = agent
        protection.agentMountNamespace = NamespaceID(4_026_532_111)
        return protection
    }

    private func process(
        pid: Int32 = 4711, _ namespace: NamespaceID?, _ executable: FileID?, isReadable: Bool = true
    ) -> ScopeProcess {
        ScopeProcess(
            key: ProcessKey(pid: pid, startTime: 9), mountNamespace: namespace, executable: executable,
            isReadable: isReadable)
    }

    @Test func byNumber() throws {
        let protection = try protection()
        #expect(protection.reason(process(pid: 1, own, busybox)) == .initProcess)
        #expect(protection.reason(process(pid: 1, nil, nil, isReadable: false)) == .initProcess)
        #expect(protection.reason(process(pid: 500, own, busybox)) == .agent)
        #expect(protection.reason(process(pid: getpid(), own, busybox)) == .agent)
        #expect(protection.reason(process(pid: 400, own, busybox)) == .agentAncestor)
        #expect(protection.reason(process(pid: 4711, own, busybox)) == nil)
    }

    @Test func byTheHostsFiles() throws {
        let protection = try protection()
        #expect(protection.reason(process(host, runc)) == .runtime)
        #expect(protection.reason(process(host, sshd)) == .hostService("sshd"))
        #expect(protection.reason(process(host, agent)) == .agent)
        #expect(protection.reason(process(NamespaceID(4_026_532_111), agent)) == .agent)
    }

    /// The same files seen from a container (a volume of the host's /usr/bin), and its own of the same name.
    @Test func notByWhatAContainerRuns() throws {
        let protection = try protection()
        #expect(protection.reason(process(own, runc)) == nil)
        #expect(protection.reason(process(own, sshd)) == nil)
        #expect(protection.reason(process(own, agent)) == nil)
        #expect(protection.reason(process(host, busybox)) == nil)
        #expect(protection.reason(process(own, nil)) == nil)
        #expect(protection.reason(process(nil, nil)) == nil)
    }

    @Test func whatCannotBeReadIsLeftAlone() throws {
        #expect(try protection().reason(process(nil, nil, isReadable: false)) == .unreadable)
    }

    /// In a cgroup of any name a process of the host is one too many.
    @Test func theHostsProcessesInAFreeName() throws {
        let protection = try protection()
        #expect(protection.reason(process(host, busybox), isFreeName: true) == .hostProcess)
        #expect(protection.reason(process(own, busybox), isFreeName: true) == nil)
    }

    @Test func ancestorsReachTheFirstProcess() throws {
        let identity = HostIdentity(
            mountNamespace: host, pidNamespace: host, networkNamespace: host, userNamespace: host, root: runc,
            boundingCapabilities: [], runtimeBinaries: [])
        let protection = Protection(
            host: identity, agent: [], ownPID: getpid(), binaries: ProtectedBinaries(), proc: proc)
        #expect(protection.ancestors.contains(getppid()))
        #expect(protection.ancestors.contains(1))
    }

    // MARK: Real processes

    private static let needsRoot: Comment = "makes cgroups: needs root"

    private func sleepFile() throws -> FileID { try FileStatus.of("/bin/sleep").file }

    private func refusal(_ record: ActionRecord) -> ProtectedProcess? {
        guard case .refused(.protected(_, let what)) = record.outcome else { return nil }
        return what
    }

    @Test(.enabled(if: isRoot, needsRoot), arguments: Freezer.present)
    func aRuntimeInTheScope(_ freezer: Freezer) throws {
        let target = try TestContainer(freezer)
        let pid = try target.sleep()
        var identity = try hostIdentity()
        identity.runtimeBinaries.insert(try sleepFile())
        let isolation = try RuntimeDirectory().isolation(host: identity)
        let start = monotonicNanoseconds()
        let record = isolation.freeze(try target.container(initProcess: pid), ttl: nil, origin: .operator)
        #expect(record.outcome == .refused(.protected(pid: pid, .runtime)))
        #expect(record.outcome.reason?.contains("\(pid)") == true)
        // It may have been passing through.
        #expect(monotonicNanoseconds() - start >= 200_000_000)
        #expect(record.started == nil)
        #expect(refusal(isolation.kill(try target.container(initProcess: pid), origin: .operator)) == .runtime)
        #expect(!target.isFrozen)
        #expect(target.processes == [pid])
    }

    /// `runc exec`: its process joins, and is the container's a moment later.
    @Test(.enabled(if: isRoot, needsRoot), arguments: Freezer.present)
    func aRuntimeThatPassesThrough(_ freezer: Freezer) throws {
        let target = try TestContainer(freezer)
        let first = try target.run("while :; do :; done")
        try target.run("0.15", program: ["/bin/sleep"])
        var identity = try hostIdentity()
        identity.runtimeBinaries.insert(try sleepFile())
        let isolation = try RuntimeDirectory().isolation(host: identity)
        let record = isolation.freeze(try target.container(initProcess: first), ttl: nil, origin: .operator)
        #expect(record.outcome == .done)
        #expect(target.isFrozen)
    }

    @Test(.enabled(if: isRoot, needsRoot), arguments: Freezer.present)
    func aServiceOrTheAgentInTheScope(_ freezer: Freezer) throws {
        let target = try TestContainer(freezer)
        try target.make("\(target.path)/below")
        let first = try target.run("while :; do :; done")
        let pid = try target.sleep(below: "/below")
        let container = try target.container(initProcess: first)
        let services = try RuntimeDirectory().isolation(binaries: ProtectedBinaries(names: [try sleepFile(): "sshd"]))
        #expect(refusal(services.freeze(container, ttl: nil, origin: .operator)) == .hostService("sshd"))
        let agent = try RuntimeDirectory().isolation(agent: [pid])
        #expect(refusal(agent.freeze(container, ttl: nil, origin: .operator)) == .agent)
        #expect(refusal(agent.kill(container, origin: .operator)) == .agent)
        #expect(!target.isFrozen)
        #expect(target.processes.count == 2)
    }

    /// A file called sshd, run in the container: neither its name nor the file's being the host's protects it.
    @Test(.enabled(if: isRoot, needsRoot), arguments: Freezer.present)
    func aContainersOwnSshd(_ freezer: Freezer) throws {
        let directory = try RuntimeDirectory()
        let fake = "\(directory.path)/sshd"
        try FileManager.default.copyItem(atPath: "/bin/sleep", toPath: fake)
        let target = try TestContainer(freezer)
        let named = try target.run("1000", program: [fake])
        let inside = try target.run("1000", program: ["/usr/bin/unshare", "--mount", "/bin/sleep"])
        try waitUntil {
            (try? proc.stat(named).comm) == "sshd" && (try? proc.stat(inside).comm) == "sleep"
        }
        let isolation = try directory.isolation(binaries: ProtectedBinaries(names: [try sleepFile(): "sshd"]))
        let record = isolation.freeze(try target.container(initProcess: named), ttl: nil, origin: .operator)
        #expect(record.outcome == .done)
        #expect(target.isFrozen)
    }

    /// A container with the host's pids and mounts runs the host's own sshd: it is the container's, and no shield.
    @Test(.enabled(if: isRoot, needsRoot), arguments: Freezer.present)
    func theHostsSshdStartedByTheContainer(_ freezer: Freezer) throws {
        let target = try TestContainer(freezer)
        let first = try target.run("/bin/sleep 1000 & wait")
        try waitUntil { target.processes.count == 2 }
        var identity = try hostIdentity()
        let files = ProtectedBinaries(names: [try sleepFile(): "sshd"])
        let services = try RuntimeDirectory().isolation(binaries: files)
        #expect(services.freeze(try target.container(initProcess: first), ttl: nil, origin: .operator).outcome == .done)
        #expect(services.release(target.id, origin: .operator).outcome == .done)
        identity.runtimeBinaries.insert(try sleepFile())
        let runtimes = try RuntimeDirectory().isolation(host: identity)
        #expect(runtimes.kill(try target.container(initProcess: first), origin: .operator).outcome == .done)
        try waitUntil { target.processes.isEmpty }
    }

    @Test(.enabled(if: isRoot, needsRoot), arguments: Freezer.present)
    func aProcessOfTheHostInARawCgroup(_ freezer: Freezer) throws {
        let target = try TestContainer(freezer, name: "raw")
        let first = try target.run("1000", program: ["/usr/bin/unshare", "--mount", "/bin/sleep"])
        try waitUntil { (try? proc.stat(first).comm) == "sleep" }
        let isolation = try RuntimeDirectory().isolation()
        let container = try target.container(initProcess: first)
        let host = try target.sleep()
        #expect(
            isolation.freeze(container, ttl: nil, origin: .operator).outcome
                == .refused(.protected(pid: host, .hostProcess)))
        #expect(!target.isFrozen)
        Glibc.kill(host, SIGKILL)
        try waitUntil { target.processes == [first] }
        #expect(isolation.freeze(container, ttl: nil, origin: .operator).outcome == .done)
    }

    /// What runs on the host under a service's name is found by its file, also after that was replaced.
    @Test(.enabled(if: isRoot, needsRoot)) func runningServicesAreFound() throws {
        let directory = try RuntimeDirectory()
        let path = "\(directory.path)/conmon"
        try FileManager.default.copyItem(atPath: "/bin/sleep", toPath: path)
        let child = Process()
        child.executableURL = URL(fileURLWithPath: path)
        child.arguments = ["1000"]
        try child.run()
        defer {
            // Its signal mask is that of the thread that started it: only this one is sure to arrive.
            Glibc.kill(child.processIdentifier, SIGKILL)
            child.waitUntilExit()
        }
        try waitUntil { (try? proc.stat(child.processIdentifier).comm) == "conmon" }
        let file = try FileStatus.of(path).file
        let host = try hostIdentity()
        #expect(ProtectedBinaries.find(host: host, proc: proc).names[file] == "conmon")
        try FileManager.default.removeItem(atPath: path)
        #expect(ProtectedBinaries.find(host: host, proc: proc).names[file] == "conmon")
    }
}

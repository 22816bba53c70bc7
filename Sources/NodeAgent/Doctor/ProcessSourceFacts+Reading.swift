import ContainerInventory
import EventModel
import Glibc
import KernelEvents
import LinuxSystem

extension ProcessSourceFacts {
    /// A privileged container can make the cgroup tree hang: nanoseconds until it is given up.
    private static let patience: UInt64 = 2_000_000_000

    static func read(
        _ configuration: Configuration, agent: Int32?, timed: TimedReader, proc: ProcFilesystem = ProcFilesystem()
    ) -> ProcessSourceFacts {
        var facts = ProcessSourceFacts()
        facts.readConnector(agent, proc)
        facts.readCgroups(timed, proc)
        facts.readRuntimes(configuration.containers.runtimePaths)
        return facts
    }

    /// Not by listening: kernels before 6.6 count a listener that has gone for ever, and go on making events for it.
    private mutating func readConnector(_ agent: Int32?, _ proc: ProcFilesystem) {
        let callbacks = (try? readFile("/proc/net/connector", limit: 64 << 10)) ?? []
        hasConnector = textLines(callbacks).contains { $0.hasPrefix("cn_proc ") }
        guard let agent else { return }
        let sockets = ((try? NetlinkSocket.read()) ?? []).filter {
            $0.protocolNumber == NetlinkSocket.connector && $0.groups & 1 != 0
        }
        let holders = NetlinkSocket.holders(of: Set(sockets.map(\.inode)), proc: proc)
        agentListens = holders.values.contains { $0.contains(agent) }
    }

    private mutating func readCgroups(_ timed: TimedReader, _ proc: ProcFilesystem) {
        let tree = CgroupTree(mounts: (try? proc.mounts(getpid())) ?? [])
        hasUnified = tree.hierarchies.contains(where: \.isUnified)
        controllers = tree.hierarchies.flatMap(\.controllers)
        freezers = tree.stoppable.compactMap { hierarchy in
            guard hierarchy.isUnified else { return "v1" }
            let hasFreezer = timed.run(timeout: Self.patience) { Self.hasFreezer(hierarchy.mountPoint) }
            return hasFreezer == true ? "v2" : nil
        }
        do throws(SystemError) {
            watch = try CgroupWatcher(roots: tree.principal.map(\.mountPoint)) {}.method
        } catch {
            watchFailure = "\(error)"
        }
    }

    /// The root has no `cgroup.freeze`: whether the kernel knows it is seen at the first cgroup below.
    private static func hasFreezer(_ root: String) -> Bool {
        for name in (try? directoryEntries(root)) ?? [] {
            guard (try? FileStatus.of("\(root)/\(name)", following: false))?.isDirectory == true else { continue }
            return (try? FileStatus.of("\(root)/\(name)/cgroup.freeze")) != nil
        }
        return false
    }

    private mutating func readRuntimes(_ configured: [String]) {
        var seen: Set<FileID> = []
        for path in HostIdentity.knownRuntimePaths + configured {
            guard let status = try? FileStatus.of(path), status.isRegular else {
                if configured.contains(path) { missingRuntimes.append(path) }
                continue
            }
            if seen.insert(status.file).inserted { runtimes.append(path) }
        }
    }
}

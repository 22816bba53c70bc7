import EventModel
import Glibc
import LinuxSystem

extension HostFacts {
    /// The inodes of the kernel's own first pid and user namespace, the same on every kernel (linux/proc_ns.h). Who is in a
    /// container sees the container's process as pid 1, so that one cannot be asked.
    private static let first: [String: UInt64] = ["pid": 0xEFFF_FFFC, "user": 0xEFFF_FFFD]

    /// - Parameter agent: the pid of the running agent.
    static func read(agent: Int32?, timed: TimedReader, proc: ProcFilesystem = ProcFilesystem()) -> HostFacts {
        let pid = agent ?? getpid()
        var facts = HostFacts(isAgent: agent != nil)
        facts.release = text("/proc/sys/kernel/osrelease")
        facts.machine = text("/proc/sys/kernel/arch")
        if facts.machine.isEmpty { facts.machine = builtFor }
        facts.capabilities = (try? proc.status(pid))?["CapEff"].flatMap { UInt64($0, radix: 16) }
        facts.namespaces = ["pid", "mnt", "net", "user"].map { kind in
            Namespace(
                kind: kind, own: (try? proc.namespaceByLink(pid, kind))?.rawValue,
                host: first[kind] ?? (try? proc.namespaceByLink(1, kind))?.rawValue)
        }
        // A home may lie on a server that does not answer.
        facts.hiddenDirectories = timed.run(timeout: 1_000_000_000) { hidden(pid, proc) } ?? nil
        return facts
    }

    /// Engines, their state, their users' and what they leave for a moment.
    private static let directories = ["/", "/etc", "/home", "/root", "/run", "/tmp", "/var/lib", "/var/tmp"]

    private static func hidden(_ pid: Int32, _ proc: ProcFilesystem) -> [String]? {
        guard (try? FileStatus.of(proc.path(1, "root/"))) != nil else { return nil }
        return directories.filter { path in
            guard let host = try? FileStatus.of(proc.path(1, "root") + path).file else { return false }
            return (try? FileStatus.of(proc.path(pid, "root") + path).file) != host
        }
    }

    /// For kernels before 6.1, which do not tell.
    private static var builtFor: String {
        #if arch(x86_64)
            "x86_64"
        #elseif arch(arm64)
            "aarch64"
        #else
            "an unknown architecture"
        #endif
    }

    private static func text(_ path: String) -> String {
        String(decoding: ((try? readFile(path, limit: 256)) ?? []).prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }
}

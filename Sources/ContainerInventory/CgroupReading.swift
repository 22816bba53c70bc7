private import LinuxSystem

/// Reads cgroup directories in bounded time: a privileged container can put a permission mark of fanotify on what is its own
/// and never answer, and then open(2) and read(2) hang.
enum CgroupReading {
    private static let calls = TimedCalls(patience: 500_000_000)

    /// Nil: it cannot be read, or not now.
    static func names(in directory: String) -> [String]? {
        calls.run(directory) { try? directoryEntries(directory) } ?? nil
    }

    /// `cgroup.procs`.
    static func processes(in directory: String) -> [UInt8]? {
        calls.run(directory) { try? readFile("\(directory)/cgroup.procs", limit: 1 << 20) } ?? nil
    }
}

private import Glibc
private import SystemPackage

/// Reads command lines with a time limit. `/proc/PID/cmdline` is the process's own memory: a page of it that lies on a FUSE
/// file whose server does not answer, or the process's mmap lock held over such a page, blocks read(2) for good
/// (docs/kernel-facts.md). Everything else that the agent reads of a process it gets without touching that memory.
package enum CommandLineReading {
    /// How long a process may take, nanoseconds. The pipeline waits for it.
    package static let patience: UInt64 = 200_000_000

    /// The agent's own mount namespace: that of the runtimes, engines and shims whose words name a container.
    static let ownMountNamespace = try? ProcFilesystem().namespaceByLink(getpid(), "mnt")

    /// Apart from each other: what containers do to one leaves the other its threads.
    private static let ours = TimedCalls(patience: patience)
    private static let others = TimedCalls(patience: patience)

    /// - Parameters:
    ///   - path: of the file.
    ///   - isOurs: the process has the agent's mount namespace.
    /// - Throws: `timedOut` after `patience`, and at once while an earlier read of that path hangs still or too many others
    ///   do.
    static func read(_ path: String, limit: Int, isOurs: Bool) throws(SystemError) -> [UInt8] {
        let result = (isOurs ? ours : others).run(path) {
            Result { () throws(SystemError) in try readFile(path, limit: limit) }
        }
        guard let result else { throw SystemError("read", path, errno: .timedOut) }
        return try result.get()
    }
}

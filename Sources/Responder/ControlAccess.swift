package import LinuxSystem
private import Synchronization
private import SystemPackage

/// An open file or directory below a cgroup, shared with a call that may still hang in it.
final class ControlFile: Sendable {
    let descriptor: OwnedDescriptor
    init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }
}

/// Opens and reads a container's control files in bounded time. A privileged container can put a permission mark of fanotify
/// on them and never answer it: then open(2) and read(2) hang for as long as the mark stands, and write(2), for which no such
/// event exists, does not.
///
/// One for each container: while a call hangs because of it, all further ones fail at once, so that a container takes one
/// thread and not all that there are.
package final class ControlAccess: Sendable {
    package static let patience: UInt64 = 1_000_000_000

    private let reader: TimedReader
    private let patience: UInt64
    /// Calls that have begun and not ended.
    private let running = Atomic(0)

    package init(reader: TimedReader = TimedReader(), patience: UInt64 = ControlAccess.patience) {
        self.reader = reader
        self.patience = patience
    }

    /// Whether a call that was given up has not come back.
    package var isHeldUp: Bool { running.load(ordering: .relaxed) > 0 }

    /// - Parameter job: may go on after this has returned, so it must change nothing.
    /// - Throws: what `job` gives; ETIMEDOUT when it has not ended in time.
    func run<T: Sendable>(
        _ operation: String, _ file: String, _ job: @escaping @Sendable () -> Result<T, SystemError>
    ) throws(SystemError) -> T {
        let late = SystemError(operation, file, errno: .timedOut)
        guard !isHeldUp else { throw late }
        let outcome = reader.run(timeout: patience) { [self] in
            running.add(1, ordering: .relaxed)
            defer { running.subtract(1, ordering: .relaxed) }
            return job()
        }
        guard let outcome else { throw late }
        return try outcome.get()
    }

    /// - Parameter flags: never ones that change anything (O_TRUNC, O_CREAT).
    func open(_ file: String, below directory: ControlFile, flags: CInt) throws(SystemError) -> ControlFile {
        try run("open", file) {
            Result { () throws(SystemError) in
                ControlFile(try OwnedDescriptor(opening: file, below: directory.descriptor, flags: flags))
            }
        }
    }
}

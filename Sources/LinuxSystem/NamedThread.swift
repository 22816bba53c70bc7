private import CLinux
private import Glibc
private import Synchronization
private import SystemPackage

/// A POSIX thread with a name that top and a debugger show. Kernel sources and the pipeline run on such threads: their
/// calls block, and a task of the cooperative pool must not.
package struct NamedThread: ~Copyable, Sendable {
    private let thread: pthread_t

    /// Starts `body` on a new thread. Names are cut to 15 bytes by the kernel.
    ///
    /// - Parameters:
    ///   - nice: asked for, and done without where the right to it (CAP_SYS_NICE) is missing.
    ///   - stackBytes: nil: the system's own size (8 MiB of address space).
    package init(
        _ name: String, nice: Int32 = 0, stackBytes: Int? = nil, _ body: @escaping @Sendable () -> Void
    ) throws(SystemError) {
        let start = unsafe Unmanaged.passRetained(ThreadStart(name: name, nice: nice, body: body))
        var thread = pthread_t()
        var attributes = pthread_attr_t()
        unsafe pthread_attr_init(&attributes)
        defer { unsafe pthread_attr_destroy(&attributes) }
        if let stackBytes { unsafe pthread_attr_setstacksize(&attributes, stackBytes) }
        let result = unsafe pthread_create(
            &thread, &attributes,
            { argument in
                guard let argument = unsafe argument else { return nil }
                let start = unsafe Unmanaged<ThreadStart>.fromOpaque(argument).takeRetainedValue()
                unsafe na_set_thread_name(start.name)
                if start.nice != 0 { _ = na_set_thread_nice(start.nice) }
                start.body()
                return nil
            }, unsafe start.toOpaque())
        guard result == 0 else {
            unsafe start.release()
            throw SystemError("pthread_create", name, errno: Errno(rawValue: result))
        }
        self.thread = thread
    }

    /// Waits until the thread has ended.
    package consuming func join() {
        pthread_join(thread, nil)
    }

    /// Waits until the thread has ended or that time has come, CLOCK_MONOTONIC nanoseconds. False: it runs still, and
    /// nobody will wait for it.
    package consuming func join(until deadline: UInt64) -> Bool {
        if na_join_until(thread, deadline) == 0 { return true }
        pthread_detach(thread)
        return false
    }

    /// Gives the thread up: nobody will wait for it.
    package consuming func detach() {
        pthread_detach(thread)
    }
}

private final class ThreadStart: Sendable {
    let name: String
    let nice: Int32
    let body: @Sendable () -> Void
    init(name: String, nice: Int32, body: @escaping @Sendable () -> Void) {
        self.name = name
        self.nice = nice
        self.body = body
    }
}

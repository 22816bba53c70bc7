/// One event in the life of a thread group.
package enum ProcessEvent: Equatable, Sendable {
    case fork(child: Int32, parent: Int32)
    /// `time`: CLOCK_MONOTONIC nanoseconds, the kernel's own stamp where it gives one.
    case exec(pid: Int32, time: UInt64)
    case exit(pid: Int32)
}

/// Where process events come from: the kernel's connector, or where it is missing, looking at /proc again and again.
package protocol ProcessEventSource: Sendable {
    /// Every event from before this CLOCK_MONOTONIC time has been handed over.
    var watermark: UInt64 { get }
    /// Times that events were lost: the process table is to be reconciled.
    var gapCount: UInt64 { get }
    var eventCount: UInt64 { get }
    /// Subscribes once more, where the source has been silenced for everybody.
    func listenAgain()
    /// Asks the thread to look now and to move the watermark.
    func requestWatermark()
    func requestStop()
    /// Reads until `requestStop`; runs on a thread of its own.
    func run()
}

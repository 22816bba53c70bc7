private import CLinux
private import SystemPackage

/// An eventfd: one thread signals, another finds it readable beside its own descriptor. Signals add up into one wake.
package final class WakeEvent: Sendable {
    private let descriptor: OwnedDescriptor

    package init() throws(SystemError) {
        descriptor = OwnedDescriptor(adopting: try checked(na_eventfd(), "eventfd"))
    }

    package var rawDescriptor: CInt { descriptor.rawValue }

    package func signal() { na_eventfd_signal(descriptor.rawValue) }
    package func clear() { na_eventfd_clear(descriptor.rawValue) }
}

/// Waits until one of at most eight descriptors is readable. Bit i is set for descriptor i; 0 after the time-out.
package func waitReadable(_ descriptors: [CInt], milliseconds: CInt) -> UInt32 {
    var mask: UInt32 = 0
    // EINTR counts as a time-out: every caller looks at its state and waits again.
    _ = unsafe na_poll_in(descriptors, CInt(descriptors.count), milliseconds, &mask)
    return mask
}

/// CLOCK_MONOTONIC in nanoseconds: deadlines.
package func monotonicNanoseconds() -> UInt64 { na_monotonic_ns() }
/// CLOCK_REALTIME in nanoseconds since the epoch: times that people and rules see.
package func realtimeNanoseconds() -> UInt64 { na_realtime_ns() }

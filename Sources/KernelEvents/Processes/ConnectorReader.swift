private import CLinux
package import LinuxSystem
private import Synchronization

/// The thread that reads the process connector and hands every event to `handler` at once: /proc is read there, before
/// the process is gone.
package final class ConnectorReader: ProcessEventSource {
    private let socket: OwnedDescriptor
    private let stop: WakeEvent
    private let kick: WakeEvent
    private let handler: @Sendable (ProcessEvent) -> Void
    private let caughtUp = Atomic<UInt64>(0)
    private let gaps = Atomic<UInt64>(0)
    private let events = Atomic<UInt64>(0)

    private static let slots = 64
    private static let stride = 512

    /// Subscribes at once; needs CAP_NET_ADMIN and the initial namespaces.
    package init(receiveBytes: Int32, handler: @escaping @Sendable (ProcessEvent) -> Void) throws(SystemError) {
        socket = OwnedDescriptor(
            adopting: try checked(na_connector_socket(receiveBytes), "socket NETLINK_CONNECTOR"))
        stop = try WakeEvent()
        kick = try WakeEvent()
        self.handler = handler
    }

    /// Every event that the kernel sent before this CLOCK_MONOTONIC time has been handed over.
    package var watermark: UInt64 { caughtUp.load(ordering: .acquiring) }
    /// Times that events were lost (ENOBUFS, or a jump of a CPU's sequence): the table is to be reconciled.
    package var gapCount: UInt64 { gaps.load(ordering: .relaxed) }
    package var eventCount: UInt64 { events.load(ordering: .relaxed) }

    /// Before 6.6 the kernel counts the listeners of all and tells nobody anything once somebody has left who never came.
    /// Whoever says goodbye often enough makes the count negative: more is asked for than was there.
    package func listenAgain() {
        for _ in 0..<64 { _ = na_connector_listen(socket.rawValue) }
    }

    /// Asks the thread to look at its socket now and to move the watermark.
    package func requestWatermark() { kick.signal() }
    package func requestStop() { stop.signal() }

    package func run() {
        guard let ring = try? SlotRing(slots: Self.slots, stride: Self.stride) else { return }
        var sequences: [UInt32: UInt32] = [:]
        while true {
            let ready = waitReadable(
                [socket.rawValue, stop.rawDescriptor, kick.rawDescriptor], milliseconds: 1000)
            if ready & 2 != 0 {
                // The kernel's count of listeners does not go down by itself.
                _ = na_connector_leave(socket.rawValue)
                return
            }
            if ready & 4 != 0 { kick.clear() }
            drain(ring, &sequences)
        }
    }

    private func drain(_ ring: SlotRing, _ sequences: inout [UInt32: UInt32]) {
        while true {
            let before = monotonicNanoseconds()
            let count = unsafe na_receive(
                socket.rawValue, ring.memory, ring.stride, UInt32(ring.room().first), UInt32(ring.slots),
                CInt(ring.slots))
            if count == 0 {
                caughtUp.store(before, ordering: .releasing)
                return
            }
            if count < 0 {
                gaps.wrappingAdd(1, ordering: .relaxed)
                continue
            }
            ring.publish(Int(count))
            for _ in 0..<count {
                read(ring, &sequences)
                ring.release()
            }
        }
    }

    private func read(_ ring: SlotRing, _ sequences: inout [UInt32: UInt32]) {
        let slot = unsafe ring.front
        let datagram = unsafe slot.load(as: na_datagram.self)
        var event = na_process_event()
        let offset = MemoryLayout<na_datagram>.size
        guard datagram.sender_is_kernel == 1,
            unsafe na_parse_process_event(slot.advanced(by: offset), Int(datagram.length), &event) == 1
        else { return }
        events.wrappingAdd(1, ordering: .relaxed)
        // Each CPU counts its own events, whoever listens.
        if let last = sequences[event.cpu], event.sequence != last &+ 1 { gaps.wrappingAdd(1, ordering: .relaxed) }
        sequences[event.cpu] = event.sequence
        switch Int(event.what) {
        case NA_PROC_FORK where event.pid == event.tgid:
            handler(.fork(child: event.tgid, parent: event.parent_tgid))
        case NA_PROC_EXEC:
            handler(.exec(pid: event.tgid, time: event.monotonic_ns))
        case NA_PROC_EXIT where event.pid == event.tgid:
            handler(.exit(pid: event.tgid))
        default:
            break
        }
    }
}

private import CLinux
package import LinuxSystem
private import Synchronization

/// The thread that drains the audit socket into a ring, ahead of the parser: it parses nothing and waits for nobody.
///
/// When the ring is full the records stay in the socket's buffer, which holds far more, and what that cannot hold the
/// kernel counts exactly (`drops`); so nothing is ever dropped in user space.
package final class AuditReader: Sendable {
    package let ring: SlotRing
    private let socket: CInt
    private let stop: WakeEvent
    private let consumer: WakeEvent
    private let congestions = Atomic<UInt64>(0)
    private let forged = Atomic<UInt64>(0)

    /// A record is at most 8,970 bytes (MAX_AUDIT_MESSAGE_LENGTH) with its header.
    package static let stride = 9 * 1024

    /// - Parameters:
    ///   - socket: borrowed; it must outlive `run`.
    ///   - consumer: signalled when records wait in the ring.
    package init(socket: borrowing OwnedDescriptor, slots: Int = 1024, consumer: WakeEvent) throws(SystemError) {
        ring = try SlotRing(slots: slots, stride: Self.stride)
        self.socket = socket.rawValue
        self.consumer = consumer
        stop = try WakeEvent()
    }

    /// Records that the kernel dropped for our socket since it was opened, exactly.
    package var drops: UInt64 { UInt64(max(0, na_socket_drops(socket))) }
    /// ENOBUFS seen: one for each time the socket overflowed.
    package var congestionCount: UInt64 { congestions.load(ordering: .relaxed) }
    /// Datagrams whose sender was not the kernel.
    package var forgedCount: UInt64 { forged.load(ordering: .relaxed) }

    package func requestStop() { stop.signal() }

    /// Reads until `requestStop`; runs on a thread of its own.
    package func run() {
        while true {
            let ready = waitReadable([socket, stop.rawDescriptor], milliseconds: 1000)
            if ready & 2 != 0 { return }
            drain()
        }
    }

    private func drain() {
        while true {
            let (first, room) = ring.room()
            if room == 0 {
                consumer.signal()
                // The parser is behind: give it the processor for a moment; the socket's buffer takes what comes.
                if waitReadable([stop.rawDescriptor], milliseconds: 1) != 0 { return }
                continue
            }
            let count = unsafe na_receive(
                socket, ring.memory, ring.stride, UInt32(first), UInt32(ring.slots), CInt(min(room, 64)))
            if count == 0 { return }
            if count < 0 {
                // ENOBUFS: told once for each overflow, and the socket reads on.
                congestions.wrappingAdd(1, ordering: .relaxed)
                continue
            }
            ring.publish(Int(count))
            consumer.signal()
        }
    }

    /// The oldest record in the ring: type, payload without the netlink header. Nil for one that did not come from the
    /// kernel or is too short; either way the caller releases the slot afterwards.
    package func withFront<R>(_ body: (_ type: UInt16, _ payload: Span<UInt8>) -> R) -> R? {
        let slot = unsafe ring.front
        let datagram = unsafe slot.load(as: na_datagram.self)
        guard datagram.sender_is_kernel == 1 else {
            forged.wrappingAdd(1, ordering: .relaxed)
            return nil
        }
        // Unicast records carry an nlmsg_len without the header's 16 bytes: the received length is what counts.
        let length = min(Int(datagram.length), Self.stride - MemoryLayout<na_datagram>.size)
        guard length >= 16 else { return nil }
        let type = unsafe slot.load(fromByteOffset: MemoryLayout<na_datagram>.size + 4, as: UInt16.self)
        let bytes = unsafe UnsafeRawBufferPointer(
            start: slot.advanced(by: MemoryLayout<na_datagram>.size + 16), count: length - 16)
        return unsafe body(type, bytes.bindMemory(to: UInt8.self).span)
    }
}

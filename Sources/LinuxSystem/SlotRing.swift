private import Glibc
private import Synchronization
private import SystemPackage

/// A bounded ring of fixed slots between one producer thread and one consumer thread, in memory that is mapped once and
/// touched as it is used. The producer fills slots in place (recvmmsg writes straight into them) and publishes them; when
/// the ring is full it drops the newest and counts, and never waits.
@safe
package final class SlotRing: @unchecked Sendable {
    package let slots: Int
    package let stride: Int
    private let base: UnsafeMutableRawPointer
    /// Slots ever published, and ever released. The difference is what lies in the ring.
    private let head = Atomic<UInt64>(0)
    private let tail = Atomic<UInt64>(0)

    /// - Parameters: number of slots, and bytes in each (a multiple of 8).
    package init(slots: Int, stride: Int) throws(SystemError) {
        precondition(slots > 0 && stride > 0 && stride % 8 == 0)
        let memory = unsafe mmap(
            nil, slots * stride, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
        guard let memory = unsafe memory, unsafe memory != MAP_FAILED else {
            throw SystemError("mmap", errno: Errno(rawValue: Glibc.errno))
        }
        unsafe base = memory
        self.slots = slots
        self.stride = stride
    }

    deinit { unsafe munmap(base, slots * stride) }

    // MARK: Producer

    /// How many slots may be filled now, and the number of the first.
    package func room() -> (first: Int, count: Int) {
        let published = head.load(ordering: .relaxed)
        let used = Int(published - tail.load(ordering: .acquiring))
        return (Int(published % UInt64(slots)), slots - used)
    }

    /// Start of the memory, for a call that fills slots itself. Only the slots that `room` named may be touched.
    package var memory: UnsafeMutableRawPointer { unsafe base }

    /// The slot after the last published one, offset by `index`.
    package func slotToFill(_ index: Int = 0) -> UnsafeMutableRawPointer {
        let position = Int((head.load(ordering: .relaxed) + UInt64(index)) % UInt64(slots))
        return unsafe base.advanced(by: position * stride)
    }

    /// Hands the next `count` filled slots to the consumer.
    package func publish(_ count: Int) {
        head.wrappingAdd(UInt64(count), ordering: .releasing)
    }

    // MARK: Consumer

    /// Slots that wait to be consumed.
    package var count: Int { Int(head.load(ordering: .acquiring) - tail.load(ordering: .relaxed)) }

    /// The oldest slot. Valid only while `count` is above zero, until `release`.
    package var front: UnsafeRawPointer {
        unsafe UnsafeRawPointer(base.advanced(by: Int(tail.load(ordering: .relaxed) % UInt64(slots)) * stride))
    }

    package func release(_ count: Int = 1) {
        tail.wrappingAdd(UInt64(count), ordering: .releasing)
    }
}

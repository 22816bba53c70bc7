import Glibc

/// The assembler's memory was not to be had.
package struct AuditAssemblerError: Error, Equatable, Sendable, CustomStringConvertible {
    package let errorNumber: Int32
    package var description: String { "mmap of the audit assembler's storage failed: errno \(errorNumber)" }
}

/// One anonymous mapping of equal slots. The kernel gives a page only when it is first written: in normal work the same few
/// slots are used again and again, and the 64 MiB of address space cost some hundred kilobytes of memory.
@safe
struct AuditAssemblerStorage: ~Copyable {
    static let slotSize = 64 * 1024
    /// What a slot keeps of its memory between two events; a bigger event's pages go back to the kernel.
    private static let retained = 16 * 1024

    private let base: UnsafeMutableRawPointer
    private let capacity: Int

    init(capacity: Int) throws(AuditAssemblerError) {
        let size = capacity * Self.slotSize
        let mapping = unsafe mmap(
            nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
        guard let mapping = unsafe mapping, unsafe mapping != MAP_FAILED else {
            throw AuditAssemblerError(errorNumber: errno)
        }
        unsafe base = mapping
        self.capacity = capacity
    }

    deinit { unsafe munmap(base, capacity * Self.slotSize) }

    /// Writes a record behind the `used` bytes of a slot; the caller has checked that it fits in the slot and in 16 bits.
    func append(_ payload: Span<UInt8>, type: UInt16, bodyOffset: Int, slot: Int, used: Int) {
        precondition(slot >= 0 && slot < capacity && used >= 0 && payload.count <= UInt16.max)
        precondition(used + AuditEvent.prefixSize + payload.count <= Self.slotSize)
        let start = unsafe base + (slot * Self.slotSize + used)
        unsafe start.storeBytes(of: type.littleEndian, as: UInt16.self)
        unsafe (start + 2).storeBytes(of: UInt16(payload.count).littleEndian, as: UInt16.self)
        unsafe (start + 4).storeBytes(of: UInt16(truncatingIfNeeded: bodyOffset).littleEndian, as: UInt16.self)
        unsafe payload.withUnsafeBytes { source in
            if let address = source.baseAddress {
                unsafe (start + AuditEvent.prefixSize).copyMemory(from: address, byteCount: source.count)
            }
        }
    }

    /// The first `count` bytes of a slot.
    @_lifetime(borrow self)
    func bytes(slot: Int, count: Int) -> Span<UInt8> {
        precondition(slot >= 0 && slot < capacity && count >= 0 && count <= Self.slotSize)
        let start = unsafe UnsafePointer<UInt8>(
            (base + slot * Self.slotSize).assumingMemoryBound(to: UInt8.self))
        return unsafe _overrideLifetime(Span(_unsafeStart: start, count: count), borrowing: self)
    }

    /// Tells that nobody needs the slot's content any more.
    func release(slot: Int, used: Int) {
        guard used > Self.retained else { return }
        _ = unsafe madvise(
            base + (slot * Self.slotSize + Self.retained), Self.slotSize - Self.retained, MADV_DONTNEED)
    }
}

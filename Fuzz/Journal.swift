import EventModel
import Responder

/// libFuzzer's entry for the journal of actions: slots of any bytes, and each one again with a right checksum, so that what
/// lies behind it is reached. Whatever decodes must encode to a slot that decodes to the same.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzJournal(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    guard let boot = BootID("01234567-89ab-cdef-0123-456789abcdef") else { return 0 }
    let input = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    _ = JournalSlot.readAll(input[...], boot: boot)
    var slot = Array(input.prefix(JournalSlot.size))
    slot += [UInt8](repeating: 0, count: JournalSlot.size - slot.count)
    JournalSlot.seal(&slot, boot: boot)
    guard case .record(let record, let sequence) = JournalSlot.decode(slot[...], boot: boot) else { return 0 }
    // A path that holds its id is stored without it: what fitted once fits again, unless the id stood apart from a path.
    guard let again = JournalSlot.encode(record, sequence: sequence, boot: boot) else { return 0 }
    precondition(JournalSlot.decode(again[...], boot: boot) == .record(record, sequence: sequence))
    return 0
}

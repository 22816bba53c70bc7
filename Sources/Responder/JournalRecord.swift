package import EventModel

/// The boot that a journal belongs to: after a reboot no process is frozen any more.
package struct BootID: Sendable, Equatable {
    /// 16 bytes.
    let bytes: [UInt8]

    /// From the text of `/proc/sys/kernel/random/boot_id`: 32 hexadecimal digits and dashes.
    package init?(_ text: some StringProtocol) {
        let digits = text.utf8.filter { $0 != UInt8(ascii: "-") && $0 != UInt8(ascii: "\n") }.map { Self.digit($0) }
        guard digits.count == 32 else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: 32, by: 2) {
            guard let high = digits[index], let low = digits[index + 1] else { return nil }
            bytes.append(high << 4 | low)
        }
        self.bytes = bytes
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

/// What is needed to undo one action, and how far it got.
package struct JournalRecord: Sendable, Equatable {
    package enum State: UInt8, Sendable {
        /// Written before the cgroup is touched: whether it was is not known.
        case intent = 1
        case done, partial
        /// Undone, or found to need no undoing.
        case closed
    }

    package var action: UInt64
    package var state: State
    package var kind: ResponseAction
    package var isRule: Bool
    package var isUnified: Bool
    package var container: ContainerID
    /// Of the cgroup, below the hierarchy's root.
    package var path: String
    package var cgroup: CgroupID
    /// CLOCK_MONOTONIC nanoseconds; nil: until somebody releases it.
    package var deadline: UInt64?
    /// Nanoseconds since the epoch.
    package var requested: UInt64

    package init(
        action: UInt64, state: State, kind: ResponseAction, isRule: Bool, isUnified: Bool, container: ContainerID,
        path: String, cgroup: CgroupID, deadline: UInt64?, requested: UInt64
    ) {
        self.action = action
        self.state = state
        self.kind = kind
        self.isRule = isRule
        self.isUnified = isUnified
        self.container = container
        self.path = path
        self.cgroup = cgroup
        self.deadline = deadline
        self.requested = requested
    }

    /// The container may be frozen by this action. A kill freezes where the kernel cannot kill a cgroup at once.
    package var needsUndo: Bool {
        switch state {
        case .intent: true
        case .done, .partial: kind == .freeze
        case .closed: false
        }
    }
}

/// One slot of the journal's file: 512 bytes, little endian.
///
///      0  u32  CRC-32 of what follows        48  u64  cgroup's inode
///      4  u32  "NAJ1"                        56  u64  deadline, 0 none
///      8  16   boot id                       64  u64  time of the request
///     24  u64  sequence, from 1              72  u16  length of the path
///     32  u64  action                        74  u16  length of the container's id
///     40  u8   state, kind, flags, 5 zeros   76  u16  where in the path the id begins; 0xffff: it follows the path
///                                            78  path, id
package enum JournalSlot {
    package static let size = 512
    package static let count = 256
    private static let magic: UInt32 = 0x314a_414e
    private static let textOffset = 78
    private static let apart: UInt16 = 0xffff

    package enum Content: Equatable {
        case empty
        case otherBoot
        case damaged
        case record(JournalRecord, sequence: UInt64)
    }

    /// Nil when path and id are too long for a slot: 434 bytes together, and the id counts only where the path lacks it.
    package static func encode(_ record: JournalRecord, sequence: UInt64, boot: BootID) -> [UInt8]? {
        let path = Array(record.path.utf8)
        let id = Array(record.container.rawValue.utf8)
        let position = path.firstRange(of: id)?.lowerBound
        let text = position == nil ? path + id : path
        guard text.count <= size - textOffset else { return nil }
        var slot = [UInt8](repeating: 0, count: size)
        put(sequence, at: 24, in: &slot)
        put(record.action, at: 32, in: &slot)
        slot[40] = record.state.rawValue
        slot[41] = record.kind == .freeze ? 1 : record.kind == .kill ? 2 : 3
        slot[42] = (record.isRule ? 1 : 0) | (record.isUnified ? 2 : 0)
        put(record.cgroup.rawValue, at: 48, in: &slot)
        put(record.deadline ?? 0, at: 56, in: &slot)
        put(record.requested, at: 64, in: &slot)
        put(UInt16(truncatingIfNeeded: path.count), at: 72, in: &slot)
        put(UInt16(truncatingIfNeeded: id.count), at: 74, in: &slot)
        put(position.map { UInt16(truncatingIfNeeded: $0) } ?? apart, at: 76, in: &slot)
        slot.replaceSubrange(textOffset..<(textOffset + text.count), with: text)
        seal(&slot, boot: boot)
        return slot
    }

    /// Puts in what says whose the slot is, and the checksum. `slot` has 512 bytes.
    package static func seal(_ slot: inout [UInt8], boot: BootID) {
        guard slot.count == size else { return }
        put(magic, at: 4, in: &slot)
        slot.replaceSubrange(8..<24, with: boot.bytes)
        put(checksum(slot[4...]), at: 0, in: &slot)
    }

    /// Any bytes may come: the file can be torn, or another's.
    package static func decode(_ slot: ArraySlice<UInt8>, boot: BootID) -> Content {
        guard slot.count == size else { return slot.isEmpty ? .empty : .damaged }
        let bytes = Array(slot)
        if bytes.allSatisfy({ $0 == 0 }) { return .empty }
        guard get(UInt32.self, at: 0, in: bytes) == checksum(bytes[4...]), get(UInt32.self, at: 4, in: bytes) == magic
        else { return .damaged }
        guard Array(bytes[8..<24]) == boot.bytes else { return .otherBoot }
        let pathLength = Int(get(UInt16.self, at: 72, in: bytes))
        let idLength = Int(get(UInt16.self, at: 74, in: bytes))
        let position = get(UInt16.self, at: 76, in: bytes)
        let idStart = position == apart ? pathLength : Int(position)
        let text = bytes[textOffset...]
        guard pathLength <= text.count, idStart + idLength <= text.count,
            let path = String(validating: text.dropFirst(0).prefix(pathLength), as: UTF8.self),
            let rawID = String(validating: text.dropFirst(idStart).prefix(idLength), as: UTF8.self),
            let id = ContainerID(validating: rawID), let state = JournalRecord.State(rawValue: bytes[40]),
            let kind: ResponseAction = bytes[41] == 1 ? .freeze : bytes[41] == 2 ? .kill : nil
        else { return .damaged }
        let deadline = get(UInt64.self, at: 56, in: bytes)
        let record = JournalRecord(
            action: get(UInt64.self, at: 32, in: bytes), state: state, kind: kind, isRule: bytes[42] & 1 != 0,
            isUnified: bytes[42] & 2 != 0, container: id, path: path,
            cgroup: CgroupID(get(UInt64.self, at: 48, in: bytes)), deadline: deadline == 0 ? nil : deadline,
            requested: get(UInt64.self, at: 64, in: bytes))
        return .record(record, sequence: get(UInt64.self, at: 24, in: bytes))
    }

    /// Every step that is whole and of this boot, oldest first.
    package static func readAll(
        _ bytes: ArraySlice<UInt8>, boot: BootID
    ) -> (steps: [(slot: Int, record: JournalRecord, sequence: UInt64)], damaged: Int) {
        var steps: [(slot: Int, record: JournalRecord, sequence: UInt64)] = []
        var damaged = 0
        var slot = 0
        var rest = bytes
        while !rest.isEmpty, slot < count {
            switch decode(rest.prefix(size), boot: boot) {
            case .record(let record, let sequence): steps.append((slot, record, sequence))
            case .damaged: damaged += 1
            case .empty, .otherBoot: break
            }
            rest = rest.dropFirst(size)
            slot += 1
        }
        steps.sort { $0.sequence < $1.sequence }
        return (steps, damaged)
    }

    static func put<T: FixedWidthInteger>(_ value: T, at offset: Int, in bytes: inout [UInt8]) {
        for index in 0..<(T.bitWidth / 8) {
            bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * index))
        }
    }

    static func get<T: FixedWidthInteger>(_: T.Type, at offset: Int, in bytes: [UInt8]) -> T {
        var value: T = 0
        for index in (0..<(T.bitWidth / 8)).reversed() {
            value = value << 8 | T(truncatingIfNeeded: bytes[offset + index])
        }
        return value
    }

    /// CRC-32 (IEEE 802.3), bit by bit: a slot is written a few times an hour.
    package static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        var crc: UInt32 = 0xffff_ffff
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc >> 1 ^ (crc & 1 == 0 ? 0 : 0xedb8_8320) }
        }
        return ~crc
    }
}

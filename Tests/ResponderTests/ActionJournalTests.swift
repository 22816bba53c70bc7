import ContainerInventory
import EventModel
import Foundation
import Glibc
import LinuxSystem
import Responder
import SystemPackage
import Testing

@Suite struct ActionJournalTests {
    private let identifier = String(repeating: "a1b2c3d4", count: 8)

    private func record(
        _ action: UInt64, _ state: JournalRecord.State = .intent, kind: ResponseAction = .freeze, id: String? = nil,
        path: String? = nil, deadline: UInt64? = 77
    ) throws -> JournalRecord {
        let id = id ?? identifier
        return JournalRecord(
            action: action, state: state, kind: kind, isRule: true, isUnified: false,
            container: try #require(ContainerID(validating: id)), path: path ?? "/docker/\(id)",
            cgroup: CgroupID(0x1_0000_1234), deadline: deadline, requested: 1_700_000_000_000_000_000)
    }

    @Test func whatIsNotUndoneIsThereAgain() throws {
        let directory = try RuntimeDirectory()
        let kept = try record(5, .done)
        do {
            let journal = try directory.journal()
            try journal.append(try record(4))
            try journal.append(try record(4, .done))
            try journal.append(try record(4, .closed))
            try journal.append(try record(5))
            try journal.append(kept)
            try journal.append(try record(6, .intent, kind: .kill))
            try journal.append(try record(6, .done, kind: .kill))
            #expect(journal.unfinished == [kept])
        }
        let journal = try directory.journal()
        #expect(journal.unfinished == [kept])
        #expect(journal.lastAction == 6)
        #expect(journal.damaged == 0)
    }

    /// An agent that died between writing and acting leaves it open whether it acted.
    @Test func anIntentCountsAsOurs() throws {
        let directory = try RuntimeDirectory()
        let intent = try record(1)
        do { try directory.journal().append(intent) }
        #expect(try directory.journal().unfinished == [intent])
        let kill = try record(2, kind: .kill)
        do { try directory.journal().append(kill) }
        #expect(try directory.journal().unfinished == [intent, kill])
    }

    @Test func oneProcessAtATime() throws {
        let directory = try RuntimeDirectory()
        let journal = try directory.journal()
        #expect { try directory.journal() } throws: { ($0 as? SystemError)?.errno == .wouldBlock }
        withExtendedLifetime(journal) {}
    }

    @Test func anEarlierBootIsNobodys() throws {
        let directory = try RuntimeDirectory()
        do { try directory.journal().append(try record(1)) }
        let boot = try #require(BootID("11111111-2222-3333-4444-555555555555"))
        let journal = try ActionJournal(directory: directory.path, boot: boot)
        #expect(journal.unfinished.isEmpty)
        #expect(journal.damaged == 0)
        try journal.append(try record(9))
        #expect(journal.unfinished.map(\.action) == [9])
    }

    @Test(arguments: [
        "", "0123", "0123456789abcdef0123456789abcde", "0123456789abcdef0123456789abcdeg",
        "0123456789abcdef0123456789abcdef0",
    ])
    func noBootID(_ text: String) { #expect(BootID(text) == nil) }

    /// The newest steps of what is frozen outlive any number of later ones.
    @Test func theRingNeverTakesWhatIsNeeded() throws {
        let directory = try RuntimeDirectory()
        let first = try record(1, .done)
        do {
            let journal = try directory.journal()
            try journal.append(try record(1))
            try journal.append(first)
            for action in 2..<UInt64(700) {
                try journal.append(try record(action))
                try journal.append(try record(action, .closed))
            }
        }
        let journal = try directory.journal()
        #expect(journal.unfinished == [first])
        #expect(journal.lastAction == 699)
        for action in 1000..<UInt64(1000 + ActionJournal.slots - 1) { try journal.append(try record(action)) }
        #expect { try journal.append(try record(5000)) } throws: { ($0 as? SystemError)?.errno == .noSpace }
        #expect(try FileStatus.of(directory.file).size == UInt64((ActionJournal.slots + 1) * JournalSlot.size))
    }

    @Test func theFileIsAllocatedFromTheStart() throws {
        let directory = try RuntimeDirectory()
        let journal = try directory.journal()
        #expect(try FileStatus.of(directory.file).size == 131_584)
        #expect(try FileStatus.of(directory.file).mode & 0o777 == 0o600)
        withExtendedLifetime(journal) {}
    }

    /// A step that was half written leaves the one before it.
    @Test func aTornStepIsNoStep() throws {
        for cut in stride(from: 1, to: JournalSlot.size, by: 37) {
            let directory = try RuntimeDirectory()
            let intent = try record(1)
            do {
                let journal = try directory.journal()
                try journal.append(intent)
                try journal.append(try record(1, .closed))
            }
            var bytes = try readFile(directory.file)
            // Beyond the cut lies what was there before: here ones, since zeros are what an unused slot holds.
            for index in (2 * JournalSlot.size + cut)..<(3 * JournalSlot.size) { bytes[index] = 0xff }
            try Data(bytes).write(to: URL(fileURLWithPath: directory.file))
            let journal = try directory.journal()
            #expect(journal.unfinished == [intent])
            #expect(journal.damaged == 1)
        }
    }

    @Test func anyBitThatFlipsIsSeen() throws {
        let boot = try RuntimeDirectory().boot
        let slot = try #require(JournalSlot.encode(try record(3), sequence: 8, boot: boot))
        #expect(JournalSlot.decode(slot[...], boot: boot) == .record(try record(3), sequence: 8))
        for bit in 0..<(slot.count * 8) {
            var flipped = slot
            flipped[bit / 8] ^= 1 << (bit % 8)
            #expect(JournalSlot.decode(flipped[...], boot: boot) == .damaged)
        }
    }

    @Test func garbageIsSurvived() throws {
        var generator = SystemRandomNumberGenerator()
        for size in [0, 1, 511, 512, 513, 5000, 131_584, 200_000] {
            let directory = try RuntimeDirectory()
            var bytes = (0..<size).map { _ in UInt8.random(in: 0...255, using: &generator) }
            if size == 200_000 { bytes = [UInt8](repeating: 0xff, count: size) }
            try Data(bytes).write(to: URL(fileURLWithPath: directory.file))
            unsafe chmod(directory.file, 0o600)
            let journal = try directory.journal()
            #expect(journal.unfinished.isEmpty)
            try journal.append(try record(1))
            #expect(journal.unfinished.count == 1)
        }
    }

    /// A slot with a right checksum and absurd contents: lengths beyond its end, no text, states that do not exist.
    @Test func wholeSlotsOfNonsenseAreDamaged() throws {
        let boot = try RuntimeDirectory().boot
        let slot = try #require(JournalSlot.encode(try record(3), sequence: .max, boot: boot))
        let changes: [[Int: UInt8]] = [
            [72: 0xff, 73: 0xff], [74: 0xff, 75: 0xff], [76: 0xfe, 77: 0xff], [78: 0xff], [40: 0], [40: 9], [41: 0],
            [41: 3], [74: 0, 75: 0], [76: 0],
        ]
        for change in changes {
            var changed = slot
            for (index, value) in change { changed[index] = value }
            JournalSlot.seal(&changed, boot: boot)
            #expect(JournalSlot.decode(changed[...], boot: boot) == .damaged, "\(change)")
        }
    }

    @Test func theChecksumIsCRC32() {
        #expect(JournalSlot.checksum(Array("123456789".utf8)[...]) == 0xcbf4_3926)
    }

    /// The last number there is: nothing is appended that would be taken for older.
    @Test func theLastSequenceIsTheEnd() throws {
        let directory = try RuntimeDirectory()
        do { try directory.journal().append(try record(1)) }
        var bytes = try readFile(directory.file)
        let slot = try #require(JournalSlot.encode(try record(1), sequence: .max, boot: directory.boot))
        bytes.replaceSubrange(512..<1024, with: slot)
        try Data(bytes).write(to: URL(fileURLWithPath: directory.file))
        unsafe chmod(directory.file, 0o600)
        let journal = try directory.journal()
        #expect(throws: SystemError.self) { try journal.append(try record(2)) }
    }

    @Test func longNames() throws {
        let directory = try RuntimeDirectory()
        let journal = try directory.journal()
        // The id counts once when the path has it: 434 bytes in all.
        let deep = "/" + String(repeating: "p", count: 434 - 65 - 1) + "/" + identifier
        #expect(deep.utf8.count == 434)
        try journal.append(try record(1, path: deep))
        #expect(journal.unfinished.first?.path == deep)
        #expect { try journal.append(try record(2, path: deep + "x")) } throws: {
            ($0 as? SystemError)?.errno == .fileNameTooLong
        }
        let free = try record(3, id: "web", path: "/default/other")
        try journal.append(free)
        #expect(journal.unfinished.contains(free))
    }

    @Test func aFileThatOthersCanWriteIsNotOurs() throws {
        let directory = try RuntimeDirectory()
        try Data().write(to: URL(fileURLWithPath: directory.file))
        unsafe chmod(directory.file, 0o622)
        #expect(throws: SystemError.self) { try directory.journal() }
        try FileManager.default.removeItem(atPath: directory.file)
        try FileManager.default.createSymbolicLink(atPath: directory.file, withDestinationPath: "/etc/passwd")
        #expect(throws: SystemError.self) { try directory.journal() }
    }

    // MARK: With real containers

    /// An agent ends at once after its freeze; the next one lets the container go on.
    @Test(.enabled(if: isRoot, "makes cgroups: needs root"), arguments: Freezer.present)
    func theNextAgentReleases(_ freezer: Freezer) throws {
        let target = try TestContainer(freezer)
        let first = try target.run("while :; do :; done")
        let directory = try RuntimeDirectory()
        do {
            let isolation = try directory.isolation()
            #expect(
                isolation.freeze(try target.container(initProcess: first), ttl: 3_600_000_000_000, origin: .rule("R"))
                    .outcome == .done)
        }
        #expect(try standsStill(first))
        let isolation = try directory.isolation()
        #expect(isolation.status().map(\.container) == [target.id])
        let recovery = isolation.recover()
        #expect(recovery.released.map(\.outcome) == [.done])
        #expect(!recovery.unknownFrozen.contains { $0.container == target.id })
        #expect(try goesOn(first))
        #expect(isolation.recover().released.isEmpty)
    }

    /// It ends between the intent and the result, before or after the write to the cgroup.
    @Test(.enabled(if: isRoot, "makes cgroups: needs root"), arguments: Freezer.present, [true, false])
    func anIntentWithoutResultIsUndone(_ freezer: Freezer, wasFrozen: Bool) throws {
        let target = try TestContainer(freezer)
        try target.sleep()
        let directory = try RuntimeDirectory()
        do {
            var intent = try record(1, id: target.id.rawValue, path: target.path)
            intent.isUnified = freezer == .v2
            intent.cgroup = try #require(target.cgroup)
            try directory.journal().append(intent)
        }
        try target.setFrozen(wasFrozen)
        try waitUntil { target.isFrozen == wasFrozen }
        let isolation = try directory.isolation()
        let recovery = isolation.recover()
        #expect(recovery.released.map(\.outcome.name) == [wasFrozen ? "done" : "unchanged"])
        #expect(!target.isFrozen)
        #expect(isolation.journal.unfinished.isEmpty)
    }
}

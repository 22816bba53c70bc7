import ContainerInventory
import EventModel
import Foundation
import LinuxSystem
import Synchronization
import Testing

/// The reader on a database that containerd 1.6 wrote (Fixtures/ctr-bolt: `ctr image import` and `ctr container create`; the
/// zero pages above the high-water mark are cut off), on damaged copies of it, and on hostile files.
@Suite struct BoltDatabaseTests {
    static let file = "var/lib/containerd/io.containerd.metadata.v1.bolt/meta.db"
    static let imagePath = image(of: "na-test-plain")
    static let image = Array("localhost/na-test:latest".utf8)

    static func image(of id: String, in namespace: String = "default") -> [String] {
        ["v1", namespace, "containers", id, "image"]
    }

    static func recording() throws -> [UInt8] {
        [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(Recording.directory)/ctr-bolt/\(file)")))
    }

    // MARK: The recording

    @Test(arguments: [
        (image(of: "na-test-plain"), "localhost/na-test:latest"),
        (image(of: "na-plain"), "localhost/na-test:latest"),
        // Its bucket is a branch page with two leaves, the second one with overflow pages.
        (image(of: "na-large"), "registry.example:5000/other/na-test:2"),
        (["v1", "default", "containers", "na-large", "snapshotKey"], "na-large"),
        (["v1", "default", "containers", "na-large", "snapshotter"], "native"),
        (["v1", "default", "containers", "na-large", "labels", "io.containerd.image.config.stop-signal"], "SIGTERM"),
        // An inline bucket.
        (["v1", "default", "containers", "na-plain", "runtime", "name"], "io.containerd.runc.v2"),
        // Made with --rootfs.
        (image(of: "na-test-plain", in: "other"), ""),
        (["v1", "version"], "\u{6}"),
    ])
    func recorded(path: [String], value: String) throws {
        let copy = try BoltFile(Self.recording())
        #expect(copy.database.value(path) == Array(value.utf8))
    }

    @Test func everyKeyOfTwoLeaves() throws {
        let copy = try BoltFile(Self.recording())
        for number in 1...40 {
            let name = (number < 10 ? "0" : "") + String(number)
            let value = copy.database.value(["v1", "default", "containers", "na-large", "labels", "na.label.\(name)"])
            #expect(value?.starts(with: "value-\(name)-".utf8) == true)
            #expect(value?.count == 89)
        }
        let spec = copy.database.value(["v1", "default", "containers", "na-large", "spec"])
        #expect((spec?.count ?? 0) > 4096)
        #expect(spec?.last == UInt8(ascii: "}"))
    }

    @Test(arguments: [
        [], [""], ["v1"], ["v2"], ["v1", ""], image(of: "na"), image(of: "na-test-plain", in: "moby"),
        image(of: "na-test-plain") + ["x"], ["v1", "default", "containers", "na-plain"],
        ["v1", "version", "x"], ["v1", "default", "containers", "na-plain", "runtime", "none"],
        ["v1", "default", "containers", "na-large", "labels", "a"],
        ["v1", "default", "containers", "na-large", "labels", "zzz"],
    ])
    func nothingThere(path: [String]) throws {
        #expect(try BoltFile(Self.recording()).database.value(path) == nil)
    }

    @Test func opening() throws {
        let tree = try TemporaryTree()
        #expect(throws: SystemError.self) { _ = try BoltDatabase(path: "\(tree.path)/none") }
        try tree.write("file", Data(Self.recording()))
        try tree.link("link", to: "\(tree.path)/file")
        #expect(throws: SystemError.self) { _ = try BoltDatabase(path: "\(tree.path)/link") }
        #expect(try BoltDatabase(path: "\(tree.path)/file").value(Self.imagePath) == Self.image)
        #expect(try BoltDatabase(path: tree.path).value(Self.imagePath) == nil)
        #expect(unsafe mkfifo("\(tree.path)/pipe", 0o600) == 0)
        #expect(try BoltDatabase(path: "\(tree.path)/pipe").value(Self.imagePath) == nil)
    }

    // MARK: Damage

    @Test func truncated() throws {
        let bytes = try Self.recording()
        let copy = try BoltFile(bytes)
        var found: [Int] = []
        for length in stride(from: bytes.count, through: 0, by: -512) {
            try copy.truncate(to: length)
            guard let value = copy.database.value(Self.imagePath) else { continue }
            #expect(value == Self.image)
            found.append(length)
        }
        #expect(found.first == bytes.count)
        #expect((found.last ?? 0) > 8192)
    }

    /// One byte in a random place is another one: the right value or none, but for the bytes of the value itself.
    @Test func mutated() throws {
        let bytes = try Self.recording()
        let copy = try BoltFile(bytes)
        let own = try copy.place(of: Self.image, at: Self.imagePath)
        var random = Seeded(state: 0x6e6f_6465)
        var wrong: [Int] = []
        var missing = 0
        for round in 0..<20_000 {
            // Every second one into a meta page's contents or a page's header and first elements.
            var offset = Int.random(in: 0..<bytes.count, using: &random)
            if round % 2 == 0 { offset = offset / 4096 * 4096 + offset % 128 }
            try copy.write([bytes[offset] ^ UInt8.random(in: 1...255, using: &random)], at: offset)
            let value = copy.database.value(Self.imagePath)
            if value == nil { missing += 1 }
            if let value, value != Self.image, !own.contains(offset) { wrong.append(offset) }
            try copy.write([bytes[offset]], at: offset)
        }
        #expect(wrong.isEmpty)
        #expect(missing > 100)
        #expect(copy.database.value(Self.imagePath) == Self.image)
    }

    /// Damage that gets past the first check: 8 to 64 random bytes; nothing but an end is asked for.
    @Test func mutatedMore() throws {
        let bytes = try Self.recording()
        let copy = try BoltFile(bytes)
        var random = Seeded(state: 7)
        for _ in 0..<4_000 {
            let offset = Int.random(in: 8192..<(bytes.count - 64), using: &random) & ~7
            let count = Int.random(in: 8...64, using: &random)
            try copy.write((0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }, at: offset)
            _ = copy.database.value(Self.imagePath)
            try copy.write(Array(bytes[offset..<(offset + count)]), at: offset)
        }
        #expect(copy.database.value(Self.imagePath) == Self.image)
    }

    @Test func noDatabase() throws {
        var random = Seeded(state: 3)
        for bytes in [
            [], [UInt8](repeating: 0, count: 65536), [UInt8](repeating: 0xff, count: 65536),
            (0..<65536).map { _ in UInt8.random(in: 0...255, using: &random) },
        ] {
            #expect(try BoltFile(bytes).database.value(["a"]) == nil)
        }
    }

    // MARK: Meta pages

    @Test func metaPages() throws {
        let old = BoltFile.leaf(2, [("a", Array("old".utf8), 0)])
        let new = BoltFile.leaf(3, [("a", Array("new".utf8), 0)])
        func value(_ first: [UInt8], _ second: [UInt8], size: Int = 4096) throws -> String? {
            let file = try BoltFile(pages: [first, second, old, new], size: size)
            return file.database.value(["a"]).map { String(decoding: $0, as: UTF8.self) }
        }
        let first = BoltFile.meta(root: 2, count: 4, transaction: 8)
        let second = BoltFile.meta(root: 3, count: 4, transaction: 9)
        #expect(try value(first, second) == "new")
        #expect(try value(second, first) == "new")
        #expect(try value(first, []) == "old")
        #expect(try value([], first) == "old")
        var torn = second
        torn[16 + 48] ^= 1
        #expect(try value(first, torn) == "old")
        #expect(try value(torn, first) == "old")
        #expect(try value(torn, torn) == nil)
        for size in [1024, 16384, 65536] {
            let meta = BoltFile.meta(root: 2, count: 4, transaction: 8, pageSize: size)
            #expect(try value(meta, [], size: size) == "old")
            #expect(try value([], meta, size: size) == "old")
        }
        // Right by their checksum, out of range all the same.
        for meta in [
            BoltFile.meta(root: 0, count: 4, transaction: 8), BoltFile.meta(root: 1, count: 4, transaction: 8),
            BoltFile.meta(root: 4, count: 4, transaction: 8), BoltFile.meta(root: .max, count: .max, transaction: 8),
            BoltFile.meta(root: 1 << 62, count: 1 << 63, transaction: 8),
            BoltFile.meta(root: 1 << 50, count: 1 << 51, transaction: 8),
            BoltFile.meta(root: 2, count: 4, transaction: .max, pageSize: 0),
            BoltFile.meta(root: 2, count: 4, transaction: .max, pageSize: 4095),
            BoltFile.meta(root: 2, count: 4, transaction: .max, pageSize: 1 << 31),
            BoltFile.meta(root: 2, count: 4, transaction: 8, version: 3),
        ] {
            #expect(try value(meta, []) == nil)
            #expect(try value(meta, second) == "new")
        }
    }

    // MARK: Hostile pages

    @Test func cycles() throws {
        let meta = BoltFile.meta(root: 2, count: 5, transaction: 8)
        func value(_ pages: [[UInt8]], _ path: [String] = ["a"]) throws -> [UInt8]? {
            try BoltFile(pages: [meta, []] + pages).database.value(path)
        }
        #expect(try value([BoltFile.branch(2, [("a", 2)])]) == nil)
        #expect(try value([BoltFile.branch(2, [("a", 3)]), BoltFile.branch(3, [("a", 2)])]) == nil)
        // A bucket that is its own parent: as deep as one asks, until the pages of one lookup are used up.
        let bucket = BoltFile.leaf(2, [("a", BoltFile.bucket(2), 1), ("b", [1], 0)])
        #expect(try value([bucket], ["a", "a", "a", "b"]) == [1])
        #expect(try value([bucket], [String](repeating: "a", count: 100_000) + ["b"]) == nil)
        // To a meta page, beyond the mark, into the middle of another.
        #expect(try value([BoltFile.branch(2, [("a", 0)])]) == nil)
        #expect(try value([BoltFile.branch(2, [("a", 5)])]) == nil)
        #expect(try value([BoltFile.branch(2, [("a", .max)])]) == nil)
        #expect(try value([BoltFile.branch(2, [("a", 3)]), BoltFile.leaf(4, [("a", [1], 0)])]) == nil)
        #expect(try value([BoltFile.branch(2, [("a", 3)]), BoltFile.leaf(3, [("a", [1], 0)])]) == [1])
        // Keys that the branch page does not allow there.
        #expect(try value([BoltFile.branch(2, [("b", 3)]), BoltFile.leaf(3, [("a", [1], 0)])], ["b"]) == nil)
        let wide = BoltFile.leaf(3, [("a", [1], 0), ("c", [2], 0)])
        #expect(try value([BoltFile.branch(2, [("a", 3), ("b", 4)]), wide]) == nil)
        #expect(try value([BoltFile.branch(2, [])]) == nil)
        #expect(try value([BoltFile.leaf(2, [])]) == nil)
    }

    /// Each field of a leaf's header and of its element, one after the other, at values that overflow a sum.
    @Test func fieldsOutOfRange() throws {
        let meta = BoltFile.meta(root: 2, count: 5, transaction: 8)
        let leaf = BoltFile.leaf(2, [("a", [1], 0), ("b", [2], 0)])
        let inline = BoltFile.leaf(2, [("c", BoltFile.bucket(0) + BoltFile.leaf(0, [("a", [1], 0)]), 1)])
        for (page, path) in [(leaf, ["a"]), (inline, ["c", "a"])] {
            let file = try BoltFile(pages: [meta, [], page])
            #expect(file.database.value(path) == [1])
            for offset in stride(from: 0, to: page.count, by: 2) {
                for value: [UInt8] in [
                    [0xff, 0xff], [0xff, 0xff, 0xff, 0xff], [0xff, 0xff, 0xff, 0x7f], [0, 0, 0, 0x80],
                    [UInt8](repeating: 0xff, count: 8), [0, 0, 0, 0], [4, 0], [0, 0x10, 0, 0],
                ] {
                    try file.write(Array((page[..<offset] + value).prefix(page.count)), at: 2 * 4096)
                    let found = file.database.value(path)
                    #expect(found == nil || found?.count == 1)
                    try file.write(page + [UInt8](repeating: 0, count: 16), at: 2 * 4096)
                }
            }
        }
        // Overflow pages beyond 1 MiB, and beyond the file.
        var large = leaf
        large[12...13] = [0xff, 0x01]
        let wide = try BoltFile(pages: [BoltFile.meta(root: 2, count: 1024, transaction: 8), [], large])
        try wide.truncate(to: 1024 * 4096)
        #expect(wide.database.value(["a"]) == nil)
        large[12...13] = [0xff, 0x00]
        try wide.write(large, at: 2 * 4096)
        #expect(wide.database.value(["a"]) == [1])
        try wide.truncate(to: 200 * 4096)
        #expect(wide.database.value(["a"]) == nil)
    }

    // MARK: A writer at work

    /// bbolt's earliest reuse of pages: transaction N writes to those that N-1 gave up, which are the snapshot N-2's, and
    /// puts there what makes a wrong answer. A reader never gives one, however it meets the writer.
    @Test func writerAtWork() throws {
        @Sendable func write(_ transaction: UInt64, _ file: BoltFile) throws {
            let free = 2 + 2 * (transaction % 2)
            let swapped = transaction / 2 % 2
            let (x, y) = (free + swapped, free + 1 - swapped)
            let root = 6 + transaction % 2
            try file.write(BoltFile.leaf(x, [("name", Array("x".utf8), 0)]), at: Int(x) * 4096)
            try file.write(BoltFile.leaf(y, [("name", Array("y".utf8), 0)]), at: Int(y) * 4096)
            let buckets = [("x", BoltFile.bucket(x), UInt32(1)), ("y", BoltFile.bucket(y), 1)]
            try file.write(BoltFile.leaf(root, buckets), at: Int(root) * 4096)
            let meta = BoltFile.meta(root: root, count: 8, transaction: transaction)
            try file.write(meta, at: Int(transaction % 2) * 4096)
        }
        let file = try BoltFile([UInt8](repeating: 0, count: 8 * 4096))
        let second = try BoltDatabase(path: file.path)
        for transaction in 2...9 as ClosedRange<UInt64> {
            try write(transaction, file)
            #expect(second.value(["x", "name"]) == Array("x".utf8))
            #expect(second.value(["y", "name"]) == Array("y".utf8))
        }
        let stop = Atomic(false)
        let writer = try NamedThread("bolt-writer") { [file] in
            var random = Seeded(state: 11)
            var transaction: UInt64 = 10
            while !stop.load(ordering: .relaxed) {
                try? write(transaction, file)
                transaction += 1
                // From none to several lookups long.
                for _ in 0..<Int.random(in: 0..<40_000, using: &random) where stop.load(ordering: .relaxed) { break }
            }
        }
        var wrong = 0
        var right = 0
        let end = Date(timeIntervalSinceNow: 1.5)
        while Date() < end {
            for name in ["x", "y"] {
                guard let value = second.value([name, "name"]) else { continue }
                if value == Array(name.utf8) { right += 1 } else { wrong += 1 }
            }
        }
        stop.store(true, ordering: .relaxed)
        writer.join()
        #expect(wrong == 0)
        #expect(right > 0)
        #expect(second.value(["x", "name"]) == Array("x".utf8))
    }

    // MARK: The inventory

    @Test(arguments: ["containerd-ctr-plain", "vm-ctr-plain"])
    func imageOfACtrContainer(fixture: String) throws {
        let recording = try Recording(fixture)
        let discovery = try recording.discovery()
        #expect(recording.reader().describe(discovery).image == nil)
        try recording.tree.write(Self.file, Data(Self.recording()))
        let container = recording.reader().describe(discovery)
        #expect(container.runtime == .containerd)
        #expect(container.image == "localhost/na-test:latest")
        // Without the bundle: by the cgroup's path, in whichever database has it.
        try recording.tree.remove("run")
        var bare = discovery
        bare.runtime = .containerd
        #expect(recording.reader().describe(bare).image == container.image)
    }

    @Test func whoseDatabase() throws {
        let bundle = "io.containerd.runtime.v2.task/default/na-plain/config.json"
        let k3s = "var/lib/rancher/k3s/agent/containerd/io.containerd.metadata.v1.bolt/meta.db"
        func image(_ config: String, state: String, database: String, cgroup: String = "/") throws -> String? {
            let tree = try TemporaryTree()
            try tree.write("\(state)/\(bundle)", config)
            try tree.write(database, Data(Self.recording()))
            let reader = ContainerReader(
                root: tree.path, proc: ProcFilesystem(root: "\(tree.path)/proc"), host: testHost)
            let id = try containerID("na-plain")
            return reader.describe(ContainerDiscovery(id: id, runtime: .containerd, cgroupPath: cgroup)).image
        }
        #expect(try image("{}", state: "run/containerd", database: Self.file) == "localhost/na-test:latest")
        #expect(try image("{}", state: "run/k3s/containerd", database: k3s) == "localhost/na-test:latest")
        // Another containerd's container of that name.
        #expect(try image("{}", state: "run/k3s/containerd", database: Self.file) == nil)
        #expect(try image("{}", state: "run/containerd", database: k3s) == nil)
        // The bundle says more than the cgroup.
        #expect(
            try image("{}", state: "run/containerd", database: Self.file, cgroup: "/other/na-plain")
                == "localhost/na-test:latest")
        #expect(
            try image("{}", state: "elsewhere", database: k3s, cgroup: "/default/na-plain")
                == "localhost/na-test:latest")
        #expect(try image("{}", state: "elsewhere", database: k3s, cgroup: "/default/x/na-plain") == nil)
        // CRI says it by annotation or not at all.
        let sandbox = #"{"annotations":{"io.kubernetes.cri.container-type":"sandbox"}}"#
        #expect(try image(sandbox, state: "run/containerd", database: Self.file) == nil)
    }

    @Test func noImage() throws {
        let tree = try TemporaryTree()
        try tree.write(Self.file, Data(Self.recording()))
        let reader = ContainerReader(root: tree.path, proc: ProcFilesystem(root: "\(tree.path)/proc"), host: testHost)
        for path in ["/other/na-test-plain", "/default/none", "/", "/default/na-plain"] {
            let container = reader.describe(
                ContainerDiscovery(id: try containerID("na-test-plain"), runtime: .containerd, cgroupPath: path))
            #expect(container.image == nil)
        }
    }
}

/// A database file of a test, and pages for it.
final class BoltFile: Sendable {
    let path: String
    private let file: OwnedDescriptor
    let database: BoltDatabase

    init(_ bytes: [UInt8]) throws {
        path = FileManager.default.temporaryDirectory.path + "/na-bolt-\(UUID().uuidString)"
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        file = try OwnedDescriptor(opening: path, flags: O_RDWR)
        database = try BoltDatabase(path: path)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    convenience init(pages: [[UInt8]], size: Int = 4096) throws {
        try self.init(pages.flatMap { $0 + [UInt8](repeating: 0, count: size - $0.count) })
    }

    func write(_ bytes: [UInt8], at offset: Int) throws {
        try #require(unsafe pwrite(file.rawValue, bytes, bytes.count, off_t(offset)) == bytes.count)
    }

    func truncate(to length: Int) throws { try #require(ftruncate(file.rawValue, off_t(length)) == 0) }

    /// Where the bytes of a value lie: the one of its copies that, changed, changes what is read.
    func place(of value: [UInt8], at path: [String]) throws -> Range<Int> {
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: self.path)))
        for start in 0...(bytes.count - value.count) where bytes[start...].starts(with: value) {
            try write([value[0] ^ 1], at: start)
            let isIt = database.value(path) != value
            try write([value[0]], at: start)
            if isIt { return start..<(start + value.count) }
        }
        throw CocoaError(.fileReadCorruptFile)
    }

    // MARK: Pages

    static func integer<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
        (0..<(T.bitWidth / 8)).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
    }

    static func meta(
        root: UInt64, count: UInt64, transaction: UInt64, pageSize: Int = 4096, version: UInt32 = 2
    ) -> [UInt8] {
        var meta = integer(UInt32(0xED0C_DAED)) + integer(version) + integer(UInt32(pageSize)) + integer(UInt32(0))
        meta += integer(root) + integer(UInt64(0)) + integer(UInt64.max) + integer(count) + integer(transaction)
        var sum: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in meta { sum = (sum ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return header(transaction % 2, flags: 4, count: 0) + meta + integer(sum)
    }

    static func header(_ number: UInt64, flags: UInt16, count: Int) -> [UInt8] {
        integer(number) + integer(flags) + integer(UInt16(count)) + integer(UInt32(0))
    }

    static func bucket(_ root: UInt64) -> [UInt8] { integer(root) + integer(UInt64(0)) }

    static func leaf(_ number: UInt64, _ elements: [(key: String, value: [UInt8], flags: UInt32)]) -> [UInt8] {
        var table = header(number, flags: 2, count: elements.count)
        var data: [UInt8] = []
        for (index, element) in elements.enumerated() {
            let position = (elements.count - index) * 16 + data.count
            table += integer(element.flags) + integer(UInt32(position))
            table += integer(UInt32(element.key.utf8.count)) + integer(UInt32(element.value.count))
            data += Array(element.key.utf8) + element.value
        }
        return table + data
    }

    static func branch(_ number: UInt64, _ elements: [(key: String, child: UInt64)]) -> [UInt8] {
        var table = header(number, flags: 1, count: elements.count)
        var data: [UInt8] = []
        for (index, element) in elements.enumerated() {
            let position = (elements.count - index) * 16 + data.count
            table += integer(UInt32(position)) + integer(UInt32(element.key.utf8.count)) + integer(element.child)
            data += Array(element.key.utf8)
        }
        return table + data
    }
}

/// SplitMix64.
private struct Seeded: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}

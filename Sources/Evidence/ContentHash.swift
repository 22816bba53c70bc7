private import Crypto

/// A SHA-256 value.
struct Digest256: Hashable, Sendable {
    private let words: (UInt64, UInt64, UInt64, UInt64)

    fileprivate init(_ digest: SHA256.Digest) {
        var words = [UInt64](repeating: 0, count: 4)
        for (index, byte) in digest.enumerated() where index < 32 {
            words[index / 8] = words[index / 8] << 8 | UInt64(byte)
        }
        self.words = (words[0], words[1], words[2], words[3])
    }

    static func == (left: Digest256, right: Digest256) -> Bool { left.words == right.words }

    func hash(into hasher: inout Hasher) { hasher.combine(words.0) }

    /// 64 lower-case hex digits.
    var hex: String {
        [words.0, words.1, words.2, words.3].map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }
}

/// SHA-256 of bytes as they come.
struct RunningHash {
    private var hash = SHA256()

    mutating func update(_ bytes: UnsafeRawBufferPointer) { unsafe hash.update(bufferPointer: bytes) }

    mutating func update(_ bytes: [UInt8]) { unsafe bytes.withUnsafeBytes { unsafe hash.update(bufferPointer: $0) } }

    mutating func updateZeros(_ count: UInt64) {
        var left = count
        while left > 0 {
            let part = Int(min(left, UInt64(Self.zeros.count)))
            unsafe Self.zeros.withUnsafeBytes { zeros in
                unsafe hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: zeros[..<part]))
            }
            left -= UInt64(part)
        }
    }

    /// The value so far.
    var digest: Digest256 { Digest256(hash.finalize()) }

    private static let zeros = [UInt8](repeating: 0, count: 64 << 10)
}

/// The hash of a member that may have holes, the same for who writes and who verifies.
///
/// `content`: SHA-256 of all bytes, zeros for the holes. `data`: SHA-256 over each run of data followed by the line
/// `OFFSET LENGTH\n`, so that a run that was moved does not keep the hash; two runs never touch. A member with more than
/// 64 MiB of holes has `data` alone: zeros cost a container nothing, and hashing them costs time.
struct ContentHash {
    static let mostHoleBytes: UInt64 = 64 << 20

    /// Bytes of holes that are hashed as zeros in one collection, all members together.
    static let mostInAll: UInt64 = 1 << 30

    /// Whether a member with so many bytes of holes has `content`, by what is left of `mostInAll`. Who writes and who verifies
    /// ask it in the order of the members.
    static func takesHoles(_ holes: UInt64, from left: inout UInt64) -> Bool {
        guard holes <= min(mostHoleBytes, left) else { return false }
        left -= holes
        return true
    }

    private let mostHoleBytes: UInt64
    private var content: RunningHash? = RunningHash()
    /// Nil until the first hole: so far both are the same.
    private var data: RunningHash?
    private var holeBytes: UInt64 = 0
    private var position: UInt64 = 0
    private var runStart: UInt64 = 0

    init(mostHoleBytes: UInt64 = Self.mostHoleBytes) { self.mostHoleBytes = min(mostHoleBytes, Self.mostHoleBytes) }

    /// The next bytes of the member.
    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        unsafe content?.update(bytes)
        unsafe data?.update(bytes)
        position &+= UInt64(bytes.count)
    }

    /// The next `count` bytes are a hole.
    mutating func hole(_ count: UInt64) {
        guard count > 0 else { return }
        if data == nil { data = content }
        endRun()
        let (sum, overflow) = holeBytes.addingReportingOverflow(count)
        holeBytes = overflow ? .max : sum
        if holeBytes > mostHoleBytes { content = nil }
        content?.updateZeros(count)
        position &+= count
        runStart = position
    }

    private mutating func endRun() {
        guard position != runStart else { return }
        data?.update(Array("\(runStart) \(position &- runStart)\n".utf8))
        runStart = position
    }

    /// Ends the member. `data` is nil without a hole, `content` with too many.
    mutating func finish() -> (content: Digest256?, data: Digest256?) {
        endRun()
        return (content?.digest, data?.digest)
    }
}

/// In place of Sources/Evidence/Collection/KeyedHash.swift, so that the fuzz target needs no crypto library: FNV-1a, which has
/// the text's form and nothing else of a keyed hash.
package struct KeyedHash: Sendable {
    package init() {}

    package func text(_ secret: some Sequence<UInt8>) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in secret { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        let half = hexadecimal((0..<8).map { UInt8(truncatingIfNeeded: hash >> ($0 * 8)) })
        return "hmac-sha256:" + half + half
    }
}

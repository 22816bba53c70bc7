/// An environment with its values replaced by keyed hashes.
package enum RedactedEnvironment {
    /// `/proc/PID/environ` (entries end with NUL): the same shape, each entry as `entry` makes it.
    ///
    /// A process may write what it likes there: bytes without `=`, and names that are no names, are hashed as a whole.
    package static func redact(_ bytes: [UInt8], with hash: KeyedHash) -> [UInt8] {
        var redacted: [UInt8] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let end = rest.firstIndex(of: 0) ?? rest.endIndex
            let one = rest[rest.startIndex..<end]
            if !one.isEmpty { redacted.append(contentsOf: entry(one, with: hash).utf8) }
            if end < rest.endIndex { redacted.append(0) }
            rest = end < rest.endIndex ? rest[(end + 1)...] : []
        }
        return redacted
    }

    /// `NAME=value` as `NAME=hmac-sha256:…`; anything else as its hash.
    package static func entry(_ entry: ArraySlice<UInt8>, with hash: KeyedHash) -> String {
        guard let equals = entry.firstIndex(of: UInt8(ascii: "=")), isName(entry[entry.startIndex..<equals]) else {
            return hash.text(entry)
        }
        let name = String(decoding: entry[entry.startIndex..<equals], as: UTF8.self)
        return "\(name)=\(hash.text(entry[(equals + 1)...]))"
    }

    /// Letters, digits and `_.-`, not beginning with a digit, at most 128: a longer one may be the secret itself.
    private static func isName(_ name: ArraySlice<UInt8>) -> Bool {
        guard let first = name.first, name.count <= 128 else { return false }
        if (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) { return false }
        return name.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"):
                true
            default: false
            }
        }
    }
}

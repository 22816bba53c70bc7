/// `/etc/shadow` and `/etc/gshadow` with the second field of each line as a keyed hash: who has a password, who was
/// given one and when it was changed stay to be seen.
package enum RedactedPasswords {
    package static func redact(_ bytes: [UInt8], with hash: KeyedHash) -> [UInt8] {
        var lines: [String] = []
        for line in bytes.split(separator: 0x0a, omittingEmptySubsequences: true) {
            let fields = line.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
            guard fields.count > 2 else {
                lines.append(hash.text(line))
                continue
            }
            var texts = fields.map { String(decoding: $0, as: UTF8.self) }
            if !["", "*", "!", "!!", "!*", "x"].contains(texts[1]) { texts[1] = hash.text(fields[1]) }
            lines.append(texts.joined(separator: ":"))
        }
        return Array(lines.map { $0 + "\n" }.joined().utf8)
    }
}

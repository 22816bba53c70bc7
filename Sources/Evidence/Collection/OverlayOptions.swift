/// The directories of an overlay mount, as its row in mountinfo names them.
package struct OverlayOptions: Sendable, Equatable {
    package var upper: String?
    /// The topmost first. Nil: not told, or not in a way that can be trusted to be whole.
    package var lowers: [String]?

    /// From the super options: `rw,lowerdir=/a:/b,upperdir=/u,workdir=/w`, from Linux 6.5 also
    /// `lowerdir+=/a,lowerdir+=/b`. The kernel escapes blanks, commas and backslashes as octal, and colons in a
    /// directory's name with a backslash.
    package init(_ options: some StringProtocol) {
        var lowers: [String] = []
        for option in options.split(separator: ",", omittingEmptySubsequences: true) {
            guard let equals = option.firstIndex(of: "=") else { continue }
            let value = String(option[option.index(after: equals)...])
            switch option[..<equals] {
            case "upperdir": upper = Self.unescape(Array(value.utf8))
            case "lowerdir": lowers += Self.split(value)
            case "lowerdir+": lowers.append(Self.unescape(Array(value.utf8)))
            default: continue
            }
        }
        if !lowers.isEmpty { self.lowers = lowers }
        resolveRelative()
    }

    /// docker mounts with its storage directory as working directory: `l/ABC` lies in `…/overlay2`, the upper directory
    /// in `…/overlay2/ID/diff`.
    private mutating func resolveRelative() {
        guard let all = lowers, all.contains(where: { !$0.hasPrefix("/") }) else { return }
        guard let upper, upper.hasPrefix("/") else {
            lowers = nil
            return
        }
        let parts = upper.split(separator: "/")
        guard parts.count > 2, !parts.contains("..") else {
            lowers = nil
            return
        }
        let storage = "/" + parts.dropLast(2).joined(separator: "/")
        lowers = all.map { $0.hasPrefix("/") ? $0 : "\(storage)/\($0)" }
    }

    private static func split(_ value: String) -> [String] {
        var parts: [[UInt8]] = [[]]
        var isEscaped = false
        for byte in value.utf8 {
            if byte == UInt8(ascii: ":"), !isEscaped {
                parts.append([])
            } else {
                parts[parts.count - 1].append(byte)
            }
            isEscaped = byte == UInt8(ascii: "\\") && !isEscaped
        }
        // `::` separates data-only layers.
        return parts.filter { !$0.isEmpty }.map(unescape)
    }

    private static func unescape(_ bytes: [UInt8]) -> String {
        var plain: [UInt8] = []
        var rest = bytes[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\") else {
                plain.append(byte)
                continue
            }
            let digits = rest.prefix(3)
            if digits.count == 3, let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 8) {
                plain.append(value)
                rest = rest.dropFirst(3)
            } else if let next = rest.popFirst() {
                plain.append(next)
            }
        }
        return String(decoding: plain, as: UTF8.self)
    }
}

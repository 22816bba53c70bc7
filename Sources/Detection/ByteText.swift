/// Comparisons of text as bytes, without a `String`.
enum ByteText {
    static func isEqual(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Bool {
        left.count == right.count && hasPrefix(left, right)
    }

    static func hasPrefix(_ text: Span<UInt8>, _ prefix: Span<UInt8>) -> Bool {
        guard text.count >= prefix.count else { return false }
        for index in 0..<prefix.count where text[index] != prefix[index] { return false }
        return true
    }

    static func hasSuffix(_ text: Span<UInt8>, _ suffix: Span<UInt8>) -> Bool {
        guard text.count >= suffix.count else { return false }
        return hasPrefix(text.extracting(last: suffix.count), suffix)
    }

    /// `ignoringCase` folds ASCII letters, as Falco's `icontains` does.
    static func contains(_ text: Span<UInt8>, _ part: Span<UInt8>, ignoringCase: Bool) -> Bool {
        guard text.count >= part.count else { return false }
        for start in 0...(text.count - part.count) {
            var index = 0
            while index < part.count, isSame(text[start + index], part[index], ignoringCase) { index += 1 }
            if index == part.count { return true }
        }
        return false
    }

    /// Whether a path begins with components that the pattern's match, each for itself: `/opt/*/lib` takes
    /// `/opt/a/lib/x`, not `/opt/a/b/lib`. Empty components do not count.
    static func isPathPrefix(glob pattern: Span<UInt8>, of path: Span<UInt8>) -> Bool {
        var left = 0
        var right = 0
        while let wanted = component(of: pattern, at: &left) {
            guard let found = component(of: path, at: &right),
                matches(path.extracting(found), glob: pattern.extracting(wanted), ignoringCase: false)
            else { return false }
        }
        return true
    }

    private static func component(of path: Span<UInt8>, at index: inout Int) -> Range<Int>? {
        let slash = UInt8(ascii: "/")
        while index < path.count, path[index] == slash { index += 1 }
        let start = index
        while index < path.count, path[index] != slash { index += 1 }
        return start == index ? nil : start..<index
    }

    /// fnmatch(3) with flags 0 (`*` and `?` match a slash as well), bytes for characters.
    static func matches(_ text: Span<UInt8>, glob: Span<UInt8>, ignoringCase: Bool) -> Bool {
        var position = 0
        var pattern = 0
        // Where to go on when the text after the last star does not fit: one star back is enough.
        var retry: (pattern: Int, position: Int)?
        while position < text.count {
            if pattern < glob.count, glob[pattern] == UInt8(ascii: "*") {
                pattern += 1
                retry = (pattern, position)
            } else if let next = matchOne(text[position], glob, at: pattern, ignoringCase) {
                pattern = next
                position += 1
            } else if let last = retry {
                retry = (last.pattern, last.position + 1)
                pattern = last.pattern
                position = last.position + 1
            } else {
                return false
            }
        }
        while pattern < glob.count, glob[pattern] == UInt8(ascii: "*") { pattern += 1 }
        return pattern == glob.count
    }

    private static func lower(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
    }

    private static func isSame(_ left: UInt8, _ right: UInt8, _ ignoringCase: Bool) -> Bool {
        ignoringCase ? lower(left) == lower(right) : left == right
    }

    /// The pattern's place after the element that matches `byte`; nil where it does not match.
    private static func matchOne(_ byte: UInt8, _ glob: Span<UInt8>, at start: Int, _ ignoringCase: Bool) -> Int? {
        guard start < glob.count else { return nil }
        switch glob[start] {
        case UInt8(ascii: "?"):
            return start + 1
        case UInt8(ascii: "["):
            guard let (isMember, end) = bracket(byte, glob, at: start + 1, ignoringCase) else {
                // Without its end the bracket is a character like any other.
                return byte == glob[start] ? start + 1 : nil
            }
            return isMember ? end : nil
        case UInt8(ascii: "\\") where start + 1 < glob.count:
            return isSame(byte, glob[start + 1], ignoringCase) ? start + 2 : nil
        default:
            return isSame(byte, glob[start], ignoringCase) ? start + 1 : nil
        }
    }

    /// Reads `abc]`, `!a-z]`; nil where the closing bracket is missing.
    private static func bracket(
        _ byte: UInt8, _ glob: Span<UInt8>, at start: Int, _ ignoringCase: Bool
    ) -> (isMember: Bool, end: Int)? {
        var index = start
        var isNegated = false
        if index < glob.count, glob[index] == UInt8(ascii: "!") || glob[index] == UInt8(ascii: "^") {
            isNegated = true
            index += 1
        }
        let first = index
        var isMember = false
        let wanted = ignoringCase ? lower(byte) : byte
        while index < glob.count {
            if glob[index] == UInt8(ascii: "]"), index > first { return (isMember != isNegated, index + 1) }
            if glob[index] == UInt8(ascii: "\\"), index + 1 < glob.count { index += 1 }
            var low = glob[index]
            var high = low
            if index + 2 < glob.count, glob[index + 1] == UInt8(ascii: "-"), glob[index + 2] != UInt8(ascii: "]") {
                high = glob[index + 2]
                index += 2
            }
            if ignoringCase { (low, high) = (lower(low), lower(high)) }
            if low <= wanted, wanted <= high { isMember = true }
            index += 1
        }
        return nil
    }
}

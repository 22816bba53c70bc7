/// A regular expression as a tree, read from the pattern's text.
indirect enum PatternSyntax: Sendable {
    /// One byte of a set.
    case byte(ByteClass)
    case concatenation([PatternSyntax])
    case alternatives([PatternSyntax])
    /// `maximum` is nil for as often as one likes.
    case repetition(PatternSyntax, minimum: Int, maximum: Int?)
    /// `^` or `$`, which mean nothing at the text's own start and end and cannot hold elsewhere.
    case start
    case end
}

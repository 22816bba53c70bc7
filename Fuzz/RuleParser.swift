import Detection

/// libFuzzer's entry: the bytes as a condition, as a regular expression, then as a rule file. Anything but a result or an error is a finding.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzRules(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let text = unsafe String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    _ = try? ConditionParser.parse(text)
    if let pattern = try? BytePattern(text) { _ = pattern.matches(Array(text.utf8).span) }
    do {
        _ = try RuleSet(files: [("fuzz.yaml", text)])
    } catch {
        // Positions are worked out from hostile text too.
        for error in error.errors { precondition(error.line >= 1 && error.column >= 1 && !error.description.isEmpty) }
    }
    return 0
}

import EvidenceRedaction

/// libFuzzer's entry for what stands between a container's secrets and an archive: the bytes as JSON, as an environment, as a
/// password file, as an answer of sock_diag, as overlay options. Set SWIFT_BACKTRACE=enable=no: the backtracer can hang.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzRedaction(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    let hash = KeyedHash()
    if let redacted = RedactedJSON.redact(input, with: hash) {
        // What came out is JSON again, and the hashes in it are hashed again at most.
        precondition(RedactedJSON.redact(redacted, with: hash) != nil)
    }
    // A value in an environment array never comes out.
    let marker = Array("5ecre7Value".utf8)
    let text = Array("{\"x\":".utf8) + input + Array(",\"Env\":[\"A=5ecre7Value\"]}".utf8)
    if !contains(input, marker), let redacted = RedactedJSON.redact(text, with: hash) {
        precondition(!contains(redacted, marker))
    }
    let environment = RedactedEnvironment.redact(input + Array("\0A=5ecre7Value\0".utf8), with: hash)
    if !contains(input, marker) { precondition(!contains(environment, marker)) }
    _ = RedactedPasswords.redact(input, with: hash)
    _ = SecretFile.looksSecret(input)
    _ = SecretFile.isNominated(input)
    let options = OverlayOptions(String(decoding: input, as: UTF8.self))
    for lower in options.lowers ?? [] { precondition(!lower.isEmpty) }
    for query in SocketQuery.allCases { _ = SocketRecord.lines(input[...], query) }
    return 0
}

private func contains(_ bytes: [UInt8], _ part: [UInt8]) -> Bool {
    guard bytes.count >= part.count else { return false }
    return (0...(bytes.count - part.count)).contains { bytes[$0..<($0 + part.count)].elementsEqual(part) }
}

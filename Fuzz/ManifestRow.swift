import Evidence

/// libFuzzer's entry for `nodeagent verify`: the bytes as the lines of a manifest, and as an escaped name. A line that is
/// accepted must come out the same when it is written and read again. Seeds are in Fuzz/corpus/manifest.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzManifest(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
        switch ManifestLine(Array(line)) {
        case nil: break
        case .row(let row): precondition(ManifestLine(row.json) == .row(row))
        case .header(let header): precondition(ManifestLine(header.json) == .header(header))
        case .end(let end): precondition(ManifestLine(end.json) == .end(end) || end.byStatus.values.contains(0))
        }
    }
    precondition(EscapedName.unescape(EscapedName.escape(bytes)) == bytes)
    if let name = EscapedName.unescape(String(decoding: bytes, as: UTF8.self)) {
        precondition(EscapedName.unescape(EscapedName.escape(name)) == name)
    }
    return 0
}

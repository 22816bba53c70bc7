import Reporting

/// libFuzzer's entry for what the deliverer takes from its socket: a frame, a snapshot in it, the page made from that.
///
/// What decodes must encode to something that decodes to the same page. Seeds are in Fuzz/corpus/metrics.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzMetricsFrame(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    guard let frame = DeliveryFrame(bytes), frame.kind == .metrics, let snapshot = MetricsSnapshot(frame.payload) else {
        return 0
    }
    let page = MetricsPage.text(snapshot)
    precondition(page.last == UInt8(ascii: "\n"))
    // Within the encoder's own limits for texts it loses nothing.
    if count < 1024, snapshot.obstacles.count <= 16, snapshot.obstacles.allSatisfy({ $0.utf8.count <= 256 }),
        snapshot.samples.allSatisfy({ $0.labels.allSatisfy { $0.utf8.count <= 1024 } })
    {
        let again = MetricsSnapshot(snapshot.bytes(limit: 1 << 20))
        precondition(again.map(MetricsPage.text) == page)
    }
    return 0
}

import Reporting
import Testing

@Suite struct MetricsEndpointTests {
    private let endpoint = MetricsEndpoint()
    private static let second: UInt64 = 1_000_000_000

    private func ask(_ path: String, method: String = "GET", at now: UInt64 = 0) -> (status: Int, text: String) {
        let answer = endpoint.answer(method: method, path: path, now: now)
        return (answer.status, String(decoding: answer.body, as: UTF8.self))
    }

    @Test func saysThatNothingCameYet() {
        for path in ["/metrics", "/healthz", "/readyz"] {
            #expect(ask(path) == (503, "nothing came from the sensor so far\n"), "\(path)")
        }
    }

    @Test func answersFromTheNewestSnapshot() {
        endpoint.receive(MetricsSnapshot(time: 1, obstacles: ["starting"]), now: 0)
        #expect(ask("/readyz") == (503, "starting\n"))
        #expect(ask("/healthz") == (200, "ok\n"))
        endpoint.receive(MetricsSnapshot(time: 2_500_000_000), now: 0)
        #expect(ask("/readyz") == (200, "ready\n"))
        let page = endpoint.answer(method: "GET", path: "/metrics", now: 0)
        #expect(page.status == 200)
        #expect(page.contentType == "text/plain; version=0.0.4; charset=utf-8")
        #expect(ask("/metrics").text.contains("\nnodeagent_snapshot_timestamp_seconds 2.5\n"))
    }

    /// The figures stay, with their time; that nothing new comes is told elsewhere.
    @Test func isUnhealthyAfterFiveSecondsOfSilence() {
        endpoint.receive(MetricsSnapshot(time: 1), now: 10 * Self.second)
        #expect(ask("/healthz", at: 15 * Self.second).status == 200)
        #expect(ask("/healthz", at: 15 * Self.second + 1).status == 503)
        #expect(ask("/readyz", at: 16 * Self.second).text.contains("nothing came from the sensor for 6 s"))
        #expect(ask("/metrics", at: 100 * Self.second).status == 200)
        // Two threads read the clock: a snapshot may be of a moment after the question's.
        #expect(ask("/healthz", at: 0).status == 200)
    }

    @Test func servesThreePathsToReaders() {
        endpoint.receive(MetricsSnapshot(time: 1), now: 0)
        for path in ["/", "", "/metrics/", "/metrics/../metrics", "//metrics", "/METRICS"] {
            #expect(ask(path).status == 404, "\(path)")
        }
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "get", "CONNECT"] {
            for path in ["/metrics", "/healthz", "/readyz"] { #expect(ask(path, method: method).status == 405) }
        }
        #expect(ask("/metrics", method: "HEAD").status == 200)
    }

    /// A reason is one line, whatever is in it.
    @Test func tellsEachReasonOnALineOfItsOwn() {
        endpoint.receive(MetricsSnapshot(time: 1, obstacles: ["a\nb", "c\u{1b}"]), now: 0)
        #expect(ask("/readyz").text == "a\\nb\nc\u{fffd}\n")
    }
}

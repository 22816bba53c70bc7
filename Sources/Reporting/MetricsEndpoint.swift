private import Synchronization

/// What the deliverer knows, and how it answers on the metrics port. No I/O: the server asks, and gives the time.
package final class MetricsEndpoint: Sendable {
    package struct Answer: Equatable, Sendable {
        /// HTTP status code.
        package var status: Int
        package var contentType: String
        package var body: [UInt8]

        init(_ status: Int, _ text: String) {
            self.status = status
            contentType = "text/plain; charset=utf-8"
            body = Array(text.utf8)
        }

        init(page: [UInt8]) {
            status = 200
            contentType = MetricsPage.contentType
            body = page
        }
    }

    private struct Latest {
        var snapshot: MetricsSnapshot
        /// CLOCK_MONOTONIC nanoseconds.
        var received: UInt64
    }

    private let latest = Mutex<Latest?>(nil)

    /// The sensor sends a snapshot each second; one that is older than this says that it does not any more.
    package static let patience: UInt64 = 5_000_000_000

    package init() {}

    package func receive(_ snapshot: MetricsSnapshot, now: UInt64) {
        latest.withLock { $0 = Latest(snapshot: snapshot, received: now) }
    }

    /// - Parameters:
    ///   - path: of the request's target, without its query.
    ///   - now: CLOCK_MONOTONIC nanoseconds.
    package func answer(method: String, path: String, now: UInt64) -> Answer {
        let known: (Latest?, UInt64) -> Answer
        switch path {
        case "/metrics": known = Self.metrics
        case "/healthz": known = Self.health
        case "/readyz": known = Self.readiness
        default: return Answer(404, "not found; there are /metrics, /healthz and /readyz\n")
        }
        guard method == "GET" || method == "HEAD" else { return Answer(405, "only GET and HEAD\n") }
        return known(latest.withLock { $0 }, now)
    }

    /// An old snapshot is shown as well: its own time is on the page.
    private static func metrics(_ latest: Latest?, _ now: UInt64) -> Answer {
        guard let latest else { return Answer(503, silence(nil, now)) }
        return Answer(page: MetricsPage.text(latest.snapshot))
    }

    private static func health(_ latest: Latest?, _ now: UInt64) -> Answer {
        guard let latest, isFresh(latest, now) else { return Answer(503, silence(latest, now)) }
        return Answer(200, "ok\n")
    }

    private static func readiness(_ latest: Latest?, _ now: UInt64) -> Answer {
        guard let latest, isFresh(latest, now) else { return Answer(503, silence(latest, now)) }
        guard latest.snapshot.isReady else {
            return Answer(503, latest.snapshot.obstacles.map { line($0) + "\n" }.joined())
        }
        return Answer(200, "ready\n")
    }

    private static func isFresh(_ latest: Latest, _ now: UInt64) -> Bool { age(latest, now) <= patience }

    private static func age(_ latest: Latest, _ now: UInt64) -> UInt64 {
        now > latest.received ? now - latest.received : 0
    }

    private static func silence(_ latest: Latest?, _ now: UInt64) -> String {
        guard let latest else { return "nothing came from the sensor so far\n" }
        return "nothing came from the sensor for \(age(latest, now) / 1_000_000_000) s: is it stopped or overloaded?\n"
    }

    private static func line(_ text: String) -> String { MetricsPage.escapedHelp(text) }
}

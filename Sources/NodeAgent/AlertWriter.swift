import EventModel
import Glibc
import LinuxSystem
import Reporting

/// Writes alerts to standard output and to the deliverer, on a thread of its own: a pipe that nobody reads must not hold
/// up the pipeline.
final class AlertWriter: Sendable {
    private let format: AlertFormat
    private let hostname: String
    private let isTerminal: Bool
    private let wake: WakeEvent
    private let stop: WakeEvent
    private let alerts: Mailbox<Alert>
    private let deliverer: Deliverer?
    private let counters: AlertCounters

    init(
        format: AlertFormat, hostname: String, deliverer: Deliverer?, counters: AlertCounters
    ) throws(SystemError) {
        self.format = format
        self.hostname = hostname
        self.deliverer = deliverer
        self.counters = counters
        isTerminal = isatty(STDOUT_FILENO) == 1
        wake = try WakeEvent()
        stop = try WakeEvent()
        alerts = Mailbox(capacity: 4096, consumer: wake)
    }

    func send(_ alert: Alert) { alerts.send(alert) }
    var droppedCount: UInt64 { alerts.droppedCount }
    func requestStop() { stop.signal() }

    /// Ends after what waits is written.
    func run() {
        var waiting: [Alert] = []
        while true {
            let ready = waitReadable([wake.rawDescriptor, stop.rawDescriptor], milliseconds: 1000)
            wake.clear()
            alerts.take(into: &waiting)
            for alert in waiting {
                // A closed pipe loses the line and not the agent: SIGPIPE is ignored, and the deliverer has it too.
                writeOutput(alert.line(format, hostname: hostname, colored: isTerminal))
                // A count is of alerts that were held back: they have a counter of their own.
                if alert.repeats == nil { counters.count(alert) }
                deliverer?.send(
                    DeliveryFrame(kind: .alert, payload: alert.line(.json, hostname: hostname, colored: false)))
            }
            if ready & 2 != 0 { return }
        }
    }
}

import EventModel
import Evidence
import LinuxSystem
import Synchronization

/// Hands each event that the sensor judges, with who did it, to one `nodeagent record` on the control socket. While nobody
/// records, it costs the pipeline a look at a flag.
final class Recorder: Sendable {
    private let hostname: String
    private let events: Mailbox<RecordedEvent>
    private let wake: WakeEvent
    private let stop: WakeEvent
    private let incoming = Mutex<SharedDescriptor?>(nil)
    private let isClaimed = Atomic<Bool>(false)
    private let isOn = Atomic<Bool>(false)

    init(hostname: String) throws(SystemError) {
        self.hostname = hostname
        wake = try WakeEvent()
        stop = try WakeEvent()
        events = Mailbox(capacity: 8192, consumer: wake)
    }

    /// Whether every event is to be judged and handed in, also one that no rule looks at.
    var isRecording: Bool { isOn.load(ordering: .relaxed) }
    func requestStop() { stop.signal() }

    func add(_ event: KernelEvent, _ attribution: Attribution, records: [String]) {
        events.send(RecordedEvent(event, attribution, records: records, host: hostname))
    }

    /// On the control server's thread. The response has no error when whoever asked is to be handed to `begin`.
    func claim() -> ControlResponse {
        isClaimed.exchange(true, ordering: .acquiringAndReleasing)
            ? ControlResponse(error: "another 'nodeagent record' is at work") : ControlResponse()
    }

    func begin(_ connection: consuming OwnedDescriptor) {
        let listener = SharedDescriptor(connection)
        incoming.withLock { $0 = listener }
        wake.signal()
    }

    /// On a thread of its own.
    func run() {
        while waitReadable([wake.rawDescriptor, stop.rawDescriptor], milliseconds: 1000) & 2 == 0 {
            wake.clear()
            guard let listener = incoming.withLock({ $0.take() }) else { continue }
            isOn.store(true, ordering: .relaxed)
            serve(listener.descriptor)
            isOn.store(false, ordering: .relaxed)
            var rest: [RecordedEvent] = []
            events.take(into: &rest)
            isClaimed.store(false, ordering: .releasing)
        }
    }

    /// Until the listener goes, takes nothing for two seconds (the socket's time-out), or the agent ends.
    private func serve(_ listener: borrowing OwnedDescriptor) {
        var waiting: [RecordedEvent] = []
        var dropped = events.droppedCount
        var ready: UInt32 = 0
        while ready & 6 == 0 {
            ready = waitReadable(
                [wake.rawDescriptor, stop.rawDescriptor, listener.rawValue], milliseconds: 1000)
            wake.clear()
            events.take(into: &waiting)
            do {
                for event in waiting { try listener.writeAll(event.line) }
                let now = events.droppedCount
                if now != dropped {
                    try listener.writeAll(Loss(lost: now - dropped).line)
                    dropped = now
                }
            } catch {
                return
            }
        }
    }
}

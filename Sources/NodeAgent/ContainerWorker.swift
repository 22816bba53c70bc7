import ContainerInventory
import EventModel
import KernelEvents
import LinuxSystem
import Logging
import Synchronization

/// Describes containers from their runtimes' files: reading that may take milliseconds, on a thread of its own. A bundle on a
/// file system that does not answer costs that container its description, and not the others theirs.
final class ContainerWorker: Sendable {
    private let reader: ContainerReader
    private let wake: WakeEvent
    private let stop: WakeEvent
    private let requests: Mailbox<ContainerDiscovery>
    private let unfinished = Atomic<Int>(0)
    private let described: @Sendable (Container) -> Void
    private let timed = TimedReader()
    private let log: Logger

    /// Nanoseconds for one description; one takes a few milliseconds.
    private static let patience: UInt64 = 2_000_000_000

    /// - Parameter described: called on the worker's thread.
    init(
        reader: ContainerReader, log: Logger, described: @escaping @Sendable (Container) -> Void
    ) throws(SystemError) {
        self.reader = reader
        self.log = log
        self.described = described
        wake = try WakeEvent()
        stop = try WakeEvent()
        requests = Mailbox(capacity: 4096, consumer: wake)
    }

    func describe(_ discovery: ContainerDiscovery) {
        unfinished.wrappingAdd(1, ordering: .relaxed)
        requests.send(discovery)
    }

    /// Everything that was asked for is described.
    var isIdle: Bool { unfinished.load(ordering: .acquiring) <= 0 }
    func requestStop() { stop.signal() }

    func run() {
        var waiting: [ContainerDiscovery] = []
        while true {
            let ready = waitReadable([wake.rawDescriptor, stop.rawDescriptor], milliseconds: 1000)
            if ready & 2 != 0 { return }
            wake.clear()
            requests.take(into: &waiting)
            for discovery in waiting {
                if let container = timed.run(timeout: Self.patience, { [reader] in reader.describe(discovery) }) {
                    described(container)
                } else {
                    log.error("container \(discovery.id.short) is not described: a file of its runtime does not answer")
                }
                unfinished.wrappingSubtract(1, ordering: .releasing)
            }
        }
    }
}

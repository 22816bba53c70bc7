import ContainerInventory
import EventModel
import KernelEvents
import LinuxSystem
import Synchronization

/// Describes containers from their runtimes' files: reading that may take milliseconds, on a thread of its own.
final class ContainerWorker: Sendable {
    private let reader: ContainerReader
    private let wake: WakeEvent
    private let stop: WakeEvent
    private let requests: Mailbox<ContainerDiscovery>
    private let unfinished = Atomic<Int>(0)
    private let described: @Sendable (Container) -> Void

    /// - Parameter described: called on the worker's thread.
    init(reader: ContainerReader, described: @escaping @Sendable (Container) -> Void) throws(SystemError) {
        self.reader = reader
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
                described(reader.describe(discovery))
                unfinished.wrappingSubtract(1, ordering: .releasing)
            }
        }
    }
}

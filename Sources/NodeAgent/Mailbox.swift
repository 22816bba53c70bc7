import LinuxSystem
import Synchronization

/// A bounded queue from any thread to one: what does not fit is dropped and counted, and nobody waits.
final class Mailbox<Message: Sendable>: Sendable {
    private struct State {
        var messages: [Message] = []
        var dropped: UInt64 = 0
    }

    private let state = Mutex(State())
    private let capacity: Int
    private let consumer: WakeEvent

    init(capacity: Int, consumer: WakeEvent) {
        self.capacity = capacity
        self.consumer = consumer
    }

    func send(_ message: Message) {
        state.withLock { state in
            if state.messages.count < capacity {
                state.messages.append(message)
            } else {
                state.dropped += 1
            }
        }
        consumer.signal()
    }

    /// Moves everything that waits into `messages`, whose old content must be used up; the two buffers change places, so
    /// that a quiet queue allocates nothing.
    func take(into messages: inout [Message]) {
        messages.removeAll(keepingCapacity: true)
        state.withLock { state in swap(&state.messages, &messages) }
    }

    var droppedCount: UInt64 { state.withLock { $0.dropped } }
}

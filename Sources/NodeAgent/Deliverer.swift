import CLinux
import Glibc
import LinuxSystem
import Reporting
import Synchronization

/// The sensor's side of `nodeagent deliver`: starts the process, feeds it frames, starts it again when it dies. Frames
/// that it had no time to take are kept, up to a bound, and counted beyond it.
final class Deliverer: Sendable {
    private struct Child {
        var pid: pid_t
        var socket: CInt
        var startedAt: UInt64
    }
    private struct State {
        var child: Child?
        var backlog: [DeliveryFrame] = []
        var restarts = 0
        var dropped: UInt64 = 0
    }

    private let state = Mutex(State())
    private let spawner: Spawner
    /// Behind `nodeagent deliver`.
    private let options: [String]

    private static let backlogLimit = 1024
    /// A child that dies at once is not started more often than this.
    private static let shortestLife: UInt64 = 1_000_000_000

    init(spawner: Spawner, options: [String] = []) {
        self.spawner = spawner
        self.options = options
    }

    var restartCount: Int { state.withLock { $0.restarts } }
    var droppedCount: UInt64 { state.withLock { $0.dropped } }
    var pid: pid_t? { state.withLock { $0.child?.pid } }

    func start() { state.withLock { start(&$0) } }

    func send(_ frame: DeliveryFrame) {
        state.withLock { state in
            if state.backlog.count >= Self.backlogLimit {
                state.backlog.removeFirst()
                state.dropped += 1
            }
            state.backlog.append(frame)
            Self.flush(&state)
        }
    }

    /// Sends a frame that is worth nothing once the next one is there: behind frames that wait it is dropped, uncounted.
    func sendNow(_ frame: DeliveryFrame) {
        state.withLock { state in
            Self.flush(&state)
            guard state.backlog.isEmpty, let child = state.child else { return }
            Self.write(frame, to: child.socket)
        }
    }

    /// Looks after the child; called about once a second.
    func check() {
        state.withLock { state in
            if let child = state.child {
                var status: CInt = 0
                guard unsafe na_wait_exit(child.pid, &status) != 0 else {
                    Self.flush(&state)
                    return
                }
                close(child.socket)
                state.child = nil
                state.restarts += 1
                guard monotonicNanoseconds() > child.startedAt + Self.shortestLife else { return }
            }
            start(&state)
            Self.flush(&state)
        }
    }

    /// Tells the child that nothing more comes, and waits up to half a second for its end.
    func stop() {
        state.withLock { state in
            guard let child = state.child else { return }
            Self.flush(&state)
            Self.write(DeliveryFrame(kind: .end), to: child.socket)
            close(child.socket)
            var status: CInt = 0
            for _ in 0..<50 {
                if unsafe na_wait_exit(child.pid, &status) != 0 {
                    state.child = nil
                    return
                }
                usleep(10_000)
            }
            kill(child.pid, SIGKILL)
            for _ in 0..<20 where unsafe na_wait_exit(child.pid, &status) == 0 { usleep(10_000) }
            state.child = nil
        }
    }

    private func start(_ state: inout State) {
        var pair: [CInt] = [-1, -1]
        guard unsafe na_socket_pair(&pair) == 0 else { return }
        let pid = spawner.start(["deliver"] + options, descriptor: pair[1])
        close(pair[1])
        guard let pid else {
            close(pair[0])
            return
        }
        state.child = Child(pid: pid, socket: pair[0], startedAt: monotonicNanoseconds())
    }

    private static func flush(_ state: inout State) {
        guard let child = state.child else { return }
        var sent = 0
        for frame in state.backlog {
            guard write(frame, to: child.socket) else { break }
            sent += 1
        }
        state.backlog.removeFirst(sent)
    }

    @discardableResult
    private static func write(_ frame: DeliveryFrame, to socket: CInt) -> Bool {
        let bytes = frame.bytes
        guard bytes.count <= DeliveryFrame.limit else { return true }
        return unsafe Glibc.send(socket, bytes, bytes.count, CInt(MSG_DONTWAIT | MSG_NOSIGNAL)) == bytes.count
    }
}

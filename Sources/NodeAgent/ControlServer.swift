import CLinux
import ContainerInventory
import EventModel
import FoundationEssentials
import Glibc
import LinuxSystem
import Synchronization

/// Answers the other commands on `control.sock`: one JSON line in, one out. Only root may connect, by the socket's mode
/// and by the peer's uid.
final class ControlServer: Sendable {
    private let socket: OwnedDescriptor
    private let path: String
    private let stop: WakeEvent
    private let containers = Mutex<[Container]>([])
    private let handler: @Sendable (ControlRequest) -> ControlResponse
    private let deviations: @Sendable (Container) -> [ProcessPrivileges]
    private let recorder: Recorder

    private static let requestLimit = 4096
    private static let requestPatience: UInt64 = 2_000_000_000

    /// - Parameters:
    ///   - deviations: the processes with other rights than their container; asked for `inventory`.
    ///   - recorder: takes the connections of `record`.
    ///   - handler: answers all commands but `inventory` and `record`, on the server's thread.
    init(
        path: String, deviations: @escaping @Sendable (Container) -> [ProcessPrivileges], recorder: Recorder,
        handler: @escaping @Sendable (ControlRequest) -> ControlResponse
    ) throws(SystemError) {
        self.deviations = deviations
        self.recorder = recorder
        self.path = path
        self.handler = handler
        socket = OwnedDescriptor(adopting: try unsafe checked(na_listen_unix(path), "bind", path))
        stop = try WakeEvent()
    }

    func publish(_ containers: [Container]) { self.containers.withLock { $0 = containers } }
    /// The containers that live, as last told.
    var published: [Container] { containers.withLock { $0 } }
    func requestStop() { stop.signal() }

    func run() {
        defer { unsafe unlink(path) }
        while true {
            let ready = waitReadable([socket.rawValue, stop.rawDescriptor], milliseconds: 1000)
            if ready & 2 != 0 { return }
            guard ready & 1 != 0 else { continue }
            let connection = na_accept(socket.rawValue, 2)
            guard connection >= 0 else { continue }
            serve(OwnedDescriptor(adopting: connection))
        }
    }

    private func serve(_ connection: consuming OwnedDescriptor) {
        guard na_peer_uid(connection.rawValue) == 0 else { return }
        let request = try? JSONDecoder().decode(ControlRequest.self, from: Data(readLine(connection)))
        let response = answer(request)
        if var line = try? JSONEncoder().encode(response) {
            line.append(UInt8(ascii: "\n"))
            try? connection.writeAll(Array(line))
        }
        if request?.command == .record, response.error == nil { recorder.begin(connection) }
    }

    /// Up to the first newline; empty when the peer is too slow, for the whole line, or says too much.
    private func readLine(_ connection: borrowing OwnedDescriptor) -> [UInt8] {
        let deadline = monotonicNanoseconds() + Self.requestPatience
        var line: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: Self.requestLimit)
        while line.count < Self.requestLimit {
            let now = monotonicNanoseconds()
            guard now < deadline,
                waitReadable([connection.rawValue], milliseconds: Int32((deadline - now) / 1_000_000 + 1)) != 0
            else { break }
            let count = unsafe read(connection.rawValue, &buffer, buffer.count - line.count)
            guard count > 0 else { break }
            line += buffer[..<count]
            if let end = line.firstIndex(of: UInt8(ascii: "\n")) { return Array(line[..<end]) }
        }
        return []
    }

    /// - Parameter request: nil for a line that is none.
    private func answer(_ request: ControlRequest?) -> ControlResponse {
        guard let request else { return ControlResponse(error: "not a request of version 1") }
        guard request.version == 1 else {
            return ControlResponse(error: "version \(request.version) is not served; this agent speaks version 1")
        }
        return switch request.command {
        case .inventory: inventory(of: request.container)
        case .record: recorder.claim()
        default: handler(request)
        }
    }
}

extension ControlServer {
    /// - Parameter reference: nil for all.
    private func inventory(of reference: String?) -> ControlResponse {
        var wanted = published
        if let reference {
            do throws(ContainerReference.Failure) {
                wanted = [try ContainerReference.find(reference, among: wanted)]
            } catch {
                return ControlResponse(error: error.description)
            }
        }
        return ControlResponse(containers: wanted.map { ContainerListing($0, processes: deviations($0)) })
    }
}

/// The other side: asks a running agent.
enum ControlClient {
    /// Nil when no agent listens at `path`.
    static func ask(_ request: ControlRequest, at path: String) throws -> ControlResponse? {
        guard let socket = try open(request, at: path) else { return nil }
        return try JSONDecoder().decode(ControlResponse.self, from: Data(socket.readAll(limit: 64 << 20)))
    }

    /// The connection, after the request and before the response; nil when no agent listens at `path`.
    static func open(_ request: ControlRequest, at path: String) throws -> OwnedDescriptor? {
        let descriptor = unsafe na_connect_unix(path)
        guard descriptor >= 0 else { return nil }
        let socket = OwnedDescriptor(adopting: descriptor)
        var line = try JSONEncoder().encode(request)
        line.append(UInt8(ascii: "\n"))
        try socket.writeAll(Array(line))
        return socket
    }
}

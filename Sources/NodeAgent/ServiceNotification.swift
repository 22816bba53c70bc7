import CLinux
import Glibc
import LinuxSystem

/// What the service manager is told (sd_notify(3)): ready, still alive, stopping. The protocol is a datagram of lines; its
/// library would bring four compression libraries into a process with these rights.
final class ServiceNotification: Sendable {
    private let socket: OwnedDescriptor
    /// The service manager ends a service that has not spoken for this long, nanoseconds; nil when it does not watch.
    let watchdog: UInt64?

    /// Nil when no service manager asked for it.
    init?(environment: [String: String]) {
        guard let address = environment["NOTIFY_SOCKET"], ["/", "@"].contains(address.prefix(1)) else { return nil }
        let descriptor = unsafe na_connect_notify(address)
        guard descriptor >= 0 else { return nil }
        socket = OwnedDescriptor(adopting: descriptor)
        let isOurs = environment["WATCHDOG_PID"].map { $0 == String(getpid()) } ?? true
        watchdog = isOurs ? environment["WATCHDOG_USEC"].flatMap(UInt64.init).map { $0 &* 1000 } : nil
    }

    /// Lines such as `READY=1`. Never waits; what the manager has no room for is lost, as it allows.
    func tell(_ lines: String...) {
        let bytes = Array(lines.joined(separator: "\n").utf8)
        _ = unsafe send(socket.rawValue, bytes, bytes.count, CInt(MSG_DONTWAIT | MSG_NOSIGNAL))
    }
}

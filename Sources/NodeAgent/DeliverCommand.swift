import ArgumentParser
import CLinux
import EventModel
import Glibc
import Reporting

/// The process that will face the network: takes framed events from the sensor, with an identity of its own and no
/// capability. So far it checks and counts them.
struct DeliverCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "deliver",
        abstract: "Deliver events for a running sensor (started by it).",
        shouldDisplay: false
    )

    /// nobody, until the package brings a user of its own.
    private static let user: uid_t = 65534
    /// The sensor's end of the pair.
    private static let socket: CInt = 3

    func run() throws {
        var type: CInt = 0
        var size = socklen_t(MemoryLayout<CInt>.size)
        guard unsafe getsockopt(Self.socket, SOL_SOCKET, SO_TYPE, &type, &size) == 0,
            type == CInt(SOCK_SEQPACKET.rawValue)
        else {
            CommandFailure(.usage, "deliver is started by 'nodeagent run', which hands it a socket").exit()
        }
        let parent = getppid()
        let error = Right.dropAll(user: Self.user, group: Self.user)
        guard error == 0 else {
            CommandFailure(.missingRight, "deliver cannot give up its rights: \(errorText(error))").exit()
        }
        // After the change of identity, which clears it.
        _ = na_die_with_parent(parent, SIGTERM)
        // The sensor says when it is over; a Ctrl-C in its terminal is not for this process.
        signal(SIGINT, SIG_IGN)
        var alerts: UInt64 = 0
        var invalid: UInt64 = 0
        var buffer = [UInt8](repeating: 0, count: DeliveryFrame.limit)
        while true {
            let count = unsafe recv(Self.socket, &buffer, buffer.count, 0)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return }
            switch DeliveryFrame(buffer[..<count])?.kind {
            case .alert: alerts += 1
            case .end: return
            case nil: invalid += 1
            }
        }
    }
}

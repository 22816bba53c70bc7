import ArgumentParser
import CLinux
import EventModel
import Glibc
import LinuxSystem
import Reporting

/// The process that faces the network: takes frames from the sensor, with an identity of its own and no capability, and
/// serves the metrics. Alerts it checks and counts so far.
struct DeliverCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "deliver",
        abstract: "Deliver events for a running sensor (started by it).",
        shouldDisplay: false
    )

    @Option(name: .customLong("metrics-address")) var metricsAddress: String?
    @Option(name: .customLong("metrics-port")) var metricsPort: UInt16 = 0
    @Option var confinement: SystemCallFilter.Mode = .enforce

    /// The user that the package makes for this process alone.
    private static let user = "_nodeagent"
    private static let nobody: (uid: uid_t, gid: gid_t) = (65534, 65534)
    /// The sensor's end of the pair.
    private static let socket: CInt = 3

    /// How the sensor tells it of the endpoint; without an address there is none.
    static func options(_ configuration: Configuration) -> [String] {
        let confinement = ["--confinement", configuration.confinement.rawValue]
        guard configuration.metrics.isEnabled else { return confinement }
        let metrics = configuration.metrics
        return confinement + ["--metrics-address", metrics.address, "--metrics-port", String(metrics.port)]
    }

    func run() throws {
        var type: CInt = 0
        var size = socklen_t(MemoryLayout<CInt>.size)
        guard unsafe getsockopt(Self.socket, SOL_SOCKET, SO_TYPE, &type, &size) == 0,
            type == CInt(SOCK_SEQPACKET.rawValue)
        else {
            CommandFailure(.usage, "deliver is started by 'nodeagent run', which hands it a socket").exit()
        }
        let parent = getppid()
        let user = Self.identity
        let error = Right.dropAll(user: user.uid, group: user.gid)
        guard error == 0 else {
            CommandFailure(.missingRight, "deliver cannot give up its rights: \(errorText(error))").exit()
        }
        SystemCallFilter(.deliverer, mode: confinement, environment: environment()).loadOrExit()
        // After the change of identity, which clears it.
        _ = na_die_with_parent(parent, SIGTERM)
        // The sensor says when it is over; a Ctrl-C in its terminal, or a hangup, is not for this process.
        signal(SIGINT, SIG_IGN)
        signal(SIGHUP, SIG_IGN)
        signal(SIGPIPE, SIG_IGN)
        // Up to here this thread is the only one: what is started below can have no right that it has not.
        let endpoint = MetricsEndpoint()
        let receiver = try NamedThread("receive") { Self.receive(endpoint) }
        if let metricsAddress {
            let server = MetricsServer(
                address: metricsAddress, port: Int(metricsPort),
                answer: { method, path in
                    endpoint.answer(method: method, path: path, now: monotonicNanoseconds())
                },
                report: { Self.tell($0, metricsAddress, metricsPort) })
            Task.detached(priority: .medium) { await server.run() }
        }
        receiver.join()
        // Not through the end of main: nothing waits for the connections that there are.
        _exit(ExitStatus.done.rawValue)
    }

    /// Out of the host's passwd file and no directory service: nobody, where there is no such user, or he is root.
    private static var identity: (uid: uid_t, gid: gid_t) {
        let own = (try? PasswordEntry.read("/etc/passwd"))?.first { $0.name == user }
        guard let own, own.uid != 0, own.gid != 0 else { return nobody }
        return (own.uid, own.gid)
    }

    /// Until the sensor ends, or says that it will.
    private static func receive(_ endpoint: MetricsEndpoint) {
        var alerts: UInt64 = 0
        var invalid: UInt64 = 0
        var buffer = [UInt8](repeating: 0, count: DeliveryFrame.limit)
        while true {
            let count = unsafe recv(socket, &buffer, buffer.count, 0)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return }
            let frame = DeliveryFrame(buffer[..<count])
            switch frame?.kind {
            case .alert: alerts += 1
            case .end: return
            case .metrics:
                if let snapshot = frame.flatMap({ MetricsSnapshot($0.payload) }) {
                    endpoint.receive(snapshot, now: monotonicNanoseconds())
                } else {
                    invalid += 1
                }
            case nil: invalid += 1
            }
        }
    }

    /// On standard error, which is the sensor's.
    private static func tell(_ report: MetricsServer.Report, _ address: String, _ port: UInt16) {
        let host = address.contains(":") ? "[\(address)]" : address
        switch report {
        case .listening(let port):
            writeError("nodeagent: metrics at http://\(host):\(port)/metrics\n")
        case .failed(let reason):
            writeError(
                "nodeagent: no metrics: cannot listen on \(host):\(port): \(reason); free the port or set metrics.port "
                    + "(metrics.enabled: false does without); it is tried again every 10 s\n")
        }
    }
}

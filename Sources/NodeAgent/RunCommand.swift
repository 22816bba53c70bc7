public import ArgumentParser
import CLinux
import Detection
import EventModel
import Glibc
import LinuxSystem
public import Logging
import Reporting
import ServiceLifecycle
import UnixSignals

/// `nodeagent run`: the sensor, in the foreground until SIGTERM or Ctrl-C.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Watch this host and print alerts.")

    @Option(help: "The configuration file.") var config = "/etc/nodeagent/nodeagent.yaml"
    @Option(help: "How alerts are printed (default: the configuration's).") var output: AlertFormat?
    @Option(
        name: .customLong("runtime-directory"),
        help:
            "Where the control socket and the state lie (default: the configuration's, else $RUNTIME_DIRECTORY, else /run/nodeagent)."
    )
    var runtimeDirectory: String?
    @Option(name: .customLong("log-level"), help: "trace, debug, info, notice, warning, error.")
    var logLevel: Logger.Level = .notice

    func run() throws {
        // Rights are given up on the only thread there is, the main thread: capabilities are a thread's own, and later
        // threads inherit what is left. What is started later is started by the spawner, which keeps them.
        let sensor: Sensor
        let lock: OwnedDescriptor
        let ended: WakeEvent
        do {
            signal(SIGPIPE, SIG_IGN)
            let setup = try prepare()
            lock = try Self.lock()
            // Until the service group listens: a signal during the start must not leave audit as we set it.
            na_note_termination()
            na_note_hangup()
            guard Right.dropOthers() else {
                throw CommandFailure(.failed, "cannot give up capabilities: \(errorText(errno))")
            }
            ended = try WakeEvent()
            sensor = try Sensor(setup)
            do {
                try sensor.start()
                // Every source is open and every thread of the event path runs: it holds for them all.
                try confine(sensor)
            } catch {
                sensor.stop()
                throw error
            }
        } catch let failure as CommandFailure {
            failure.exit()
        } catch {
            CommandFailure(.failed, "\(error)").exit()
        }
        Task.detached {
            let group = ServiceGroup(
                services: [SensorService(sensor: sensor)], gracefulShutdownSignals: [.sigterm, .sigint],
                logger: Logger(label: "nodeagent.lifecycle") { _ in SwiftLogNoOpLogHandler() })
            // The one service returns when the sensor has ended; that the group calls this unexpected, when the signal
            // came before the group, is no failure.
            try? await group.run()
            ended.signal()
        }
        while waitReadable([ended.rawDescriptor], milliseconds: -1) == 0 {}
        _ = consume lock
        Glibc.exit(ExitStatus.done.rawValue)
    }

    private func confine(_ sensor: Sensor) throws {
        do throws(SystemCallFilter.Failure) {
            try sensor.filter.load()
        } catch {
            guard error.isUnsupported else { throw error }
            sensor.tellUnconfined("\(error)")
        }
    }

    /// Configuration, rules, rights and directories, checked in the order in which a person can mend them.
    private func prepare() throws -> Sensor.Setup {
        let loaded = try LoadedRules(configurationFile: config)
        let configuration = loaded.configuration
        let missing = Right.missing()
        guard missing.isEmpty else {
            let lines = missing.map { "  \($0.name): \($0.loss)" }.joined(separator: "\n")
            throw CommandFailure(.missingRight, "run needs root with these capabilities, which are missing:\n\(lines)")
        }
        let directory = runtimeDirectory ?? configuration.resolvedRuntimeDirectory(environment())
        if unsafe mkdir(directory, 0o700) != 0 && errno != EEXIST {
            throw CommandFailure(.failed, "cannot make the runtime directory \(directory): \(errorText(errno))")
        }
        let evidence = try configuration.evidenceDirectory(needed: !loaded.actions.isEmpty)
        var log = Logger(label: "nodeagent") { StreamLogHandler.standardError(label: $0) }
        log.logLevel = logLevel
        if configuration.metrics.isEnabled, !configuration.metrics.isLoopback {
            log.warning(
                "metrics are served on \(configuration.metrics.address): whoever reaches it reads which rules and sources this host has; metrics.address: 127.0.0.1 keeps it to the host"
            )
        }
        for warning in loaded.rules.warnings { log.warning("\(warning.warningDescription)") }
        return Sensor.Setup(
            loaded: loaded, configurationFile: config, runtimeDirectory: directory, evidenceDirectory: evidence,
            format: output ?? configuration.output.format,
            spawner: try Spawner(executable: readLink("/proc/self/exe")),
            notification: ServiceNotification(environment: environment()), log: log)
    }

    /// Audit, fanotify and cgroups are the host's: one agent a host, whatever its directories.
    private static func lock() throws -> OwnedDescriptor {
        let path = "/run/nodeagent.lock"
        let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            throw CommandFailure(.failed, "cannot open \(path): \(errorText(errno))")
        }
        let file = OwnedDescriptor(adopting: descriptor)
        guard na_lock_exclusive(file.rawValue) == 0 else {
            throw CommandFailure(.refused, "another nodeagent runs on this host (\(path) is locked)")
        }
        return file
    }
}

extension AlertFormat: ExpressibleByArgument {}
extension Logger.Level: @retroactive ExpressibleByArgument {}

/// The sensor as a service: its threads run already; it waits for the end and takes them down in order.
private struct SensorService: Service {
    let sensor: Sensor

    func run() async throws {
        // Services run once the group has taken over the signals.
        writeError("nodeagent: ready\n")
        sensor.tellReady()
        if na_termination_noted() == 0 { try await gracefulShutdown() }
        // Joining threads blocks: not on the cooperative pool.
        await withCheckedContinuation { continuation in
            do {
                try NamedThread("shutdown") {
                    sensor.stop()
                    continuation.resume()
                }.detach()
            } catch {
                sensor.stop()
                continuation.resume()
            }
        }
    }
}

import ContainerInventory
import EventModel
import FoundationEssentials
import Glibc
import LinuxSystem
import Responder
import SystemPackage

/// How `status`, `isolate` and `release` reach the running agent, or do the work themselves where none runs.
enum Control {
    /// - Throws: `CommandFailure` when no agent answers.
    static func ask(_ request: ControlRequest, _ runtimeDirectory: String?) throws -> ControlResponse {
        let directory = runtimeDirectory ?? Configuration().resolvedRuntimeDirectory(environment())
        guard getuid() == 0 else { exit(.missingRight, "\(request.command.rawValue) needs root") }
        let response: ControlResponse?
        do {
            response = try ControlClient.ask(request, at: directory + "/control.sock")
        } catch {
            exit(.failed, "the agent did not answer: \(error)")
        }
        guard let response else {
            exit(.failed, "no agent listens at \(directory)/control.sock (another place: --runtime-directory)")
        }
        if let error = response.error { exit(.failed, error) }
        return response
    }

    /// A connection on which the agent has taken the request, for what comes after its response.
    static func open(_ request: ControlRequest, _ runtimeDirectory: String?) -> OwnedDescriptor {
        let directory = runtimeDirectory ?? Configuration().resolvedRuntimeDirectory(environment())
        guard getuid() == 0 else { exit(.missingRight, "\(request.command.rawValue) needs root") }
        let response: ControlResponse
        do {
            if let connection = try ControlClient.open(request, at: directory + "/control.sock") {
                // Byte by byte: what comes behind the line is the caller's.
                var line: [UInt8] = []
                while line.count < 4096, let byte = try connection.readAll(limit: 1).first, byte != UInt8(ascii: "\n") {
                    line.append(byte)
                }
                response = try JSONDecoder().decode(ControlResponse.self, from: Data(line))
                if response.error == nil { return connection }
            } else {
                exit(.failed, "no agent listens at \(directory)/control.sock (another place: --runtime-directory)")
            }
        } catch {
            exit(.failed, "the agent did not answer: \(error)")
        }
        exit(.refused, response.error ?? "the agent refuses")
    }

    /// Asks the agent; without one, does `alone` under the lock that an agent would hold. Prints what was done, and exits
    /// with the status of the worst.
    static func act(
        _ request: ControlRequest, _ runtimeDirectory: String?,
        alone: (Isolation, HostInventory) throws -> [ActionRecord]
    ) throws -> Never {
        let directory = runtimeDirectory ?? Configuration().resolvedRuntimeDirectory(environment())
        guard getuid() == 0 else { exit(.missingRight, "\(request.command.rawValue) needs root") }
        let actions: [ActionListing]
        do {
            if let response = try ControlClient.ask(request, at: directory + "/control.sock") {
                if let error = response.error { exit(.failed, error) }
                actions = response.actions ?? []
            } else {
                actions = try actAlone(directory, alone)
            }
        } catch let failure as ContainerReference.Failure {
            exit(.failed, failure.description)
        } catch let error as SystemError where error.errno == .wouldBlock {
            exit(.refused, "another nodeagent holds the record of actions in \(directory); try again")
        } catch {
            exit(.failed, "\(error)")
        }
        if actions.isEmpty { print("nothing was frozen by nodeagent") }
        for action in actions {
            let name = action.name.map { "\($0) (\(action.id))" } ?? action.id
            print(printable("\(action.action) \(name): \(action.result)\(action.reason.map { " (\($0))" } ?? "")"))
        }
        Glibc.exit(actions.map { status($0.result) }.max { $0.rawValue < $1.rawValue }.map(\.rawValue) ?? 0)
    }

    private static func actAlone(
        _ directory: String, _ body: (Isolation, HostInventory) throws -> [ActionRecord]
    ) throws -> [ActionListing] {
        if unsafe mkdir(directory, 0o700) != 0 && errno != EEXIST {
            throw SystemError("mkdir", directory, errno: Errno(rawValue: errno))
        }
        let inventory = try HostInventory.read()
        let isolation = Isolation(
            journal: try ActionJournal(directory: directory, boot: try BootID.current()), host: inventory.host,
            binaries: ProtectedBinaries.find(host: inventory.host, proc: ProcFilesystem()))
        return try body(isolation, inventory).map { record in
            ActionListing(record, name: inventory.containers.first { $0.id == record.container }?.name)
        }
    }

    private static func status(_ result: String) -> ExitStatus {
        switch result {
        case "done", "unchanged": .done
        case "partial": .partial
        case "refused": .refused
        default: .failed
        }
    }

    private static func exit(_ status: ExitStatus, _ message: String) -> Never {
        CommandFailure(status, message).exit()
    }
}

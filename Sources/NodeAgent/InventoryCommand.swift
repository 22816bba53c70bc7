import ArgumentParser
import ContainerInventory
import EventModel
import FoundationEssentials
import Glibc
import LinuxSystem

/// `nodeagent inventory`: the containers of this host, from the running agent, else read now.
struct InventoryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inventory", abstract: "List the containers of this host.")

    enum Output: String, ExpressibleByArgument, CaseIterable { case table, json }

    @Option(help: "How to print them.") var output: Output = .table
    @Option(name: .customLong("runtime-directory"), help: "Where the agent's control socket lies.")
    var runtimeDirectory: String?

    @Option(help: "Only the container of this process.") var pid: Int32?
    @Option(name: .customLong("cgroup-id"), help: "Only the container whose cgroup directory has this inode.")
    var cgroupID: UInt64?
    @Option(name: .customLong("pid-namespace"), help: "Only the containers in this pid namespace (its inode).")
    var pidNamespace: UInt64?

    func run() throws {
        let directory = runtimeDirectory ?? Configuration().resolvedRuntimeDirectory(environment())
        var listings: [ContainerListing]
        if let response = try? ControlClient.ask(ControlRequest(command: .inventory), at: directory + "/control.sock") {
            guard let containers = response.containers else {
                CommandFailure(
                    .failed, "the agent did not answer: \(response.error ?? "no containers in its response")"
                ).exit()
            }
            listings = containers
        } else {
            guard getuid() == 0 else {
                CommandFailure(.missingRight, "inventory needs root: it reads /proc and the runtimes' own files").exit()
            }
            let host = try HostInventory.read()
            listings = host.containers.map { ContainerListing($0, processes: host.reader.deviations(in: $0)) }
        }
        if let cgroupID { listings.removeAll { $0.cgroupID != cgroupID } }
        if let pidNamespace { listings.removeAll { $0.pidNamespace != pidNamespace } }
        if let pid { listings = try containing(pid, listings) }
        switch output {
        case .json:
            print(String(decoding: try JSONEncoder.printed.encode(listings), as: UTF8.self))
        case .table:
            print(Self.table(listings), terminator: "")
        }
    }

    /// The one of a process: by the table that the agent's own is made by.
    private func containing(_ pid: Int32, _ listings: [ContainerListing]) throws -> [ContainerListing] {
        guard getuid() == 0 else {
            CommandFailure(.missingRight, "inventory --pid needs root: it reads /proc").exit()
        }
        let host = try HostInventory.read(known: listings)
        guard let container = host.container(ofProcess: pid) else {
            CommandFailure(.failed, "process \(pid) is in no container, or is gone").exit()
        }
        let listed = listings.filter { $0.id == container.id.rawValue }
        return listed.isEmpty ? [ContainerListing(container)] : listed
    }

    /// Ids are cut to twelve digits as engines show them.
    static func table(_ listings: [ContainerListing]) -> String {
        TextTable.text(
            ["CONTAINER ID", "NAME", "IMAGE", "RUNTIME", "PID", "VERDICT", "POD", "NAMESPACE"],
            listings.map { listing in
                [
                    ContainerID(validating: listing.id)?.short ?? listing.id, listing.name ?? "-",
                    listing.image ?? "-", listing.runtime, listing.pid.map { "\($0)" } ?? "-",
                    listing.verdict ?? "unknown", listing.pod ?? "-", listing.namespace ?? "-",
                ]
            })
    }
}

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

    /// Columns as wide as their widest value; ids cut to twelve digits as engines show them.
    static func table(_ listings: [ContainerListing]) -> String {
        let header = ["CONTAINER ID", "NAME", "IMAGE", "RUNTIME", "PID", "VERDICT", "POD", "NAMESPACE"]
        let rows = listings.map { listing in
            [
                ContainerID(validating: listing.id)?.short ?? listing.id, listing.name ?? "-", listing.image ?? "-",
                listing.runtime, listing.pid.map { "\($0)" } ?? "-",
                listing.verdict ?? "unknown", listing.pod ?? "-",
                listing.namespace ?? "-",
            ].map(printable)
        }
        let widths = header.indices.map { column in
            ([header] + rows).map { $0[column].count }.max() ?? 0
        }
        return ([header] + rows).map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                line += cell
                if column < row.count - 1 { line += String(repeating: " ", count: widths[column] - cell.count + 3) }
            }
            return line + "\n"
        }.joined()
    }
}

/// A name may hold what a terminal takes for a command.
func printable(_ text: String) -> String {
    String(
        String.UnicodeScalarView(
            text.unicodeScalars.map { $0.value < 0x20 || (0x7f...0x9f).contains($0.value) ? "?" : $0 }))
}

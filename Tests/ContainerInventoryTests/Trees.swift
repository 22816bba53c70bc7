import ContainerInventory
import EventModel
import Foundation
import LinuxSystem
import Testing

/// The host of the tests: the development machine's numbers.
let testHost = HostIdentity(
    mountNamespace: NamespaceID(4_026_531_832), pidNamespace: NamespaceID(4_026_531_836),
    networkNamespace: NamespaceID(4_026_531_833), userNamespace: NamespaceID(4_026_531_837),
    root: FileID(device: DeviceNumber(major: 254, minor: 0), inode: 2),
    boundingCapabilities: CapabilitySet(rawValue: 0x1ff_feff_ffff),
    runtimeBinaries: [runc])
let runc = FileID(device: DeviceNumber(major: 254, minor: 0), inode: 77)
let busybox = FileID(device: DeviceNumber(major: 0, minor: 39), inode: 5)
let bash = FileID(device: DeviceNumber(major: 254, minor: 0), inode: 78)

let idA = String(repeating: "a1b2c3d4", count: 8)
let idB = String(repeating: "0f1e2d3c", count: 8)
let podID = String(repeating: "9a3d3b3a", count: 8)

func containerID(_ text: String) throws -> ContainerID { try #require(ContainerID(validating: text)) }

/// Resident memory of the tests.
func residentKilobytes() throws -> Int {
    let status = try ProcFilesystem().status(Int32(try #require(Int32(readLink("/proc/self")))))
    return try #require(Int(status["VmRSS"]?.split(separator: " ").first ?? ""))
}

/// A directory that goes away with the value.
final class TemporaryTree {
    let path: String
    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/na-inventory-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }
    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ file: String, _ text: String) throws { try write(file, Data(text.utf8)) }
    func write(_ file: String, _ data: Data) throws {
        let full = "\(path)/\(file)"
        try FileManager.default.createDirectory(
            atPath: (full as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try data.write(to: URL(fileURLWithPath: full))
    }
    func link(_ file: String, to target: String) throws {
        let full = "\(path)/\(file)"
        try FileManager.default.createDirectory(
            atPath: (full as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try? FileManager.default.removeItem(atPath: full)
        try FileManager.default.createSymbolicLink(atPath: full, withDestinationPath: target)
    }
    func remove(_ file: String) throws { try FileManager.default.removeItem(atPath: "\(path)/\(file)") }

    /// A process as /proc shows it.
    func process(
        _ pid: Int32, parent: Int32 = 1, start: UInt64 = 1000, comm: String = "sleep", cgroup: String = "0::/\n",
        executable: String = "/bin/true", mount: UInt64 = 4_026_531_832, pidNamespace: UInt64 = 4_026_531_836,
        inner: Int32? = nil, arguments: [String] = ["sleep", "1"], uid: UInt32 = 0
    ) throws {
        try write(
            "\(pid)/stat", "\(pid) (\(comm)) S \(parent) 0 0 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 \(start) 0 0 0 0 0 0 0\n")
        let ids = inner.map { "\(pid)\t\($0)" } ?? "\(pid)"
        try write("\(pid)/status", "Name:\t\(comm)\nUid:\t\(uid)\t\(uid)\t\(uid)\t\(uid)\nNSpid:\t\(ids)\n")
        try write("\(pid)/cgroup", cgroup)
        try write("\(pid)/cmdline", arguments.joined(separator: "\0") + "\0")
        try link("\(pid)/exe", to: executable)
        try link("\(pid)/root", to: "/")
        try link("\(pid)/ns/mnt", to: "mnt:[\(mount)]")
        try link("\(pid)/ns/pid", to: "pid:[\(pidNamespace)]")
        try link("\(pid)/ns/net", to: "net:[4026531833]")
        try link("\(pid)/ns/user", to: "user:[4026531837]")
    }
}

/// A recording below Fixtures, copied so that its `*.link` files are symbolic links.
struct Recording {
    struct Facts: Decodable {
        var init_pid: Int32
        var parent_pid: Int32
        var id: String
    }
    let tree: TemporaryTree
    let facts: Facts
    var root: String { tree.path }
    var proc: ProcFilesystem { ProcFilesystem(root: "\(tree.path)/proc") }

    static let directory = (#filePath as NSString).deletingLastPathComponent + "/Fixtures"

    init(_ name: String) throws {
        let source = "\(Self.directory)/\(name)"
        tree = try TemporaryTree()
        facts = try JSONDecoder().decode(
            Facts.self, from: Data(contentsOf: URL(fileURLWithPath: "\(source)/RECORDING.json")))
        let names = try #require(FileManager.default.enumerator(atPath: source))
        for case let name as String in names {
            var isDirectory: ObjCBool = false
            _ = unsafe FileManager.default.fileExists(atPath: "\(source)/\(name)", isDirectory: &isDirectory)
            if isDirectory.boolValue { continue }
            let data = try Data(contentsOf: URL(fileURLWithPath: "\(source)/\(name)"))
            if name.hasSuffix(".link") {
                if data.isEmpty { continue }
                try tree.link(
                    String(name.dropLast(5)),
                    to: String(decoding: data, as: UTF8.self).trimmingCharacters(in: .newlines))
            } else {
                try tree.write(name, data)
            }
        }
    }

    func reader() -> ContainerReader { ContainerReader(root: root, proc: proc, host: testHost) }

    func discovery(runtime: ContainerRuntime = .unknown, arguments: RuntimeArguments? = nil) throws
        -> ContainerDiscovery
    {
        let process = try #require(ProcessReader(proc: proc).read(facts.init_pid))
        return ContainerDiscovery(
            id: try containerID(facts.id), runtime: process.cgroup?.runtime ?? runtime,
            cgroupPath: process.cgroup?.path ?? process.cgroupPath, pid: facts.init_pid, arguments: arguments)
    }
}

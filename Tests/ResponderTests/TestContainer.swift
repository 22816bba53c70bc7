import ContainerInventory
import EventModel
import Foundation
import Glibc
import LinuxSystem
import Responder
import Testing

let proc = ProcFilesystem()
let isRoot = geteuid() == 0
/// As this process sees them.
let tree = CgroupTree(mounts: (try? proc.mounts(getpid())) ?? [])

/// The hierarchies of this machine in which something can be stopped: v2, v1's freezer, or both.
enum Freezer: String, CaseIterable, CustomTestStringConvertible {
    case v1, v2
    var hierarchy: CgroupTree.Hierarchy? { tree.stoppable.first { $0.isUnified == (self == .v2) } }
    static let present = isRoot ? allCases.filter { $0.hierarchy != nil } : []
    var testDescription: String { rawValue }
}

func hostIdentity() throws -> HostIdentity { try HostIdentity.read(proc: proc, runtimePaths: []) }

/// A cgroup that an engine could have made, in one hierarchy, with real processes; all of it goes away with the value.
final class TestContainer {
    let freezer: Freezer
    let id: ContainerID
    let parent: String
    let path: String
    private let mountPoint: String
    private var children: [Process] = []
    private var covers: [Covered] = []

    /// - Parameter name: of the cgroup; nil: 64 hexadecimal digits below `docker`, as docker's cgroupfs driver has it.
    init(_ freezer: Freezer, name: String? = nil) throws {
        self.freezer = freezer
        mountPoint = try #require(freezer.hierarchy).mountPoint
        let unique = UUID().uuidString.lowercased().filter { $0 != "-" }
        let parent = "/na-test-\(unique)"
        self.parent = parent
        let hexadecimal = unique + unique
        id = try #require(ContainerID(validating: name ?? hexadecimal))
        path = name.map { "\(parent)/\($0)" } ?? "\(parent)/docker/\(hexadecimal)"
        try make(path)
    }

    deinit {
        uncover()
        Self.thaw(directory)
        for _ in 0..<200 {
            let left = processes
            for pid in left { Glibc.kill(pid, SIGKILL) }
            if left.isEmpty { break }
            usleep(5000)
        }
        for child in children where child.isRunning { Glibc.kill(child.processIdentifier, SIGKILL) }
        for child in children { child.waitUntilExit() }
        for _ in 0..<100 where !Self.remove("\(mountPoint)\(parent)") { usleep(5000) }
    }

    var directory: String { mountPoint + path }
    var cgroup: CgroupID? { (try? FileStatus.of(directory)).map { CgroupID($0.file.inode) } }
    var processes: [Int32] { Self.processes(directory) }

    func make(_ path: String) throws {
        try FileManager.default.createDirectory(atPath: mountPoint + path, withIntermediateDirectories: true)
    }

    /// Removes the cgroup and makes another one of the same name. It must be empty.
    func remake() throws {
        try #require(Self.remove(directory))
        try make(path)
    }

    /// Runs a shell script inside, waits until it is there; its pid.
    @discardableResult
    func run(_ script: String, below: String = "", program: [String] = ["/bin/sh", "-c"]) throws -> Int32 {
        let child = Process()
        child.executableURL = URL(fileURLWithPath: "/bin/sh")
        // It enters before it execs, as a runtime does with its child.
        let words = program.map { "'\($0)'" }.joined(separator: " ")
        let enter = "echo $$ > '\(directory)\(below)/cgroup.procs' && exec \(words) \"$0\""
        child.arguments = ["-c", enter, script]
        child.standardInput = FileHandle.nullDevice
        try child.run()
        children.append(child)
        let pid = child.processIdentifier
        try waitUntil { Self.processes(self.directory + below).contains(pid) }
        return pid
    }

    /// A process that only sleeps.
    @discardableResult
    func sleep(below: String = "") throws -> Int32 {
        let pid = try run("1000", below: below, program: ["/bin/sleep"])
        try waitUntil { (try? proc.stat(pid).comm) == "sleep" }
        return pid
    }

    /// `count` sleeping children beside their shell.
    func sleepers(_ count: Int) throws {
        try run("i=0; while [ $i -lt \(count) ]; do sleep 1000 & i=$((i+1)); done; wait")
        try waitUntil(30) { self.processes.count >= count + 1 }
    }

    func key(_ pid: Int32) throws -> ProcessKey { ProcessKey(pid: pid, startTime: try proc.stat(pid).startTime) }

    /// As the inventory describes it.
    func container(initProcess pid: Int32? = nil) throws -> Container {
        var container = Container(id: id, runtime: .docker, cgroupPath: path, firstSeen: 1)
        container.initProcess = try pid.map(key)
        container.cgroup = cgroup
        return container
    }

    var state: String {
        let file = freezer == .v1 ? "freezer.state" : "cgroup.events"
        return (try? String(contentsOfFile: "\(directory)/\(file)", encoding: .utf8)) ?? ""
    }
    var isFrozen: Bool { freezer == .v1 ? state.hasPrefix("FROZEN") : state.contains("frozen 1") }

    func setFrozen(_ frozen: Bool, below: String = "") throws {
        switch freezer {
        case .v1: try Self.write(frozen ? "FROZEN" : "THAWED", "\(directory)\(below)/freezer.state")
        case .v2: try Self.write(frozen ? "1" : "0", "\(directory)\(below)/cgroup.freeze")
        }
    }

    /// Makes `levels` cgroups in one another and moves a process into the last, one level at a time: the whole path may be
    /// longer than a path may be.
    func nest(_ levels: Int, name: String, moving pid: Int32, isStopped: Bool = false) throws {
        var parent = unsafe open(directory, O_RDONLY | O_DIRECTORY)
        defer { close(parent) }
        for _ in 0..<levels {
            try #require(unsafe mkdirat(parent, name, 0o755) == 0)
            let child = unsafe openat(parent, name, O_RDONLY | O_DIRECTORY)
            try #require(child >= 0)
            close(parent)
            parent = child
        }
        let last = OwnedDescriptor(adopting: dup(parent))
        try OwnedDescriptor(opening: "cgroup.procs", below: last, flags: O_WRONLY).writeAll(Array("\(pid)".utf8))
        if isStopped {
            let (file, value) = freezer == .v1 ? ("freezer.state", "FROZEN") : ("cgroup.freeze", "1")
            try OwnedDescriptor(opening: file, below: last, flags: O_WRONLY).writeAll(Array(value.utf8))
        }
    }

    /// Removes them again, once they are empty.
    func unnest(_ levels: Int, name: String) throws {
        for count in (0..<levels).reversed() {
            var parent = unsafe open(directory, O_RDONLY | O_DIRECTORY)
            for _ in 0..<count {
                let child = unsafe openat(parent, name, O_RDONLY | O_DIRECTORY)
                close(parent)
                parent = child
            }
            defer { close(parent) }
            try waitUntil { unsafe unlinkat(parent, name, AT_REMOVEDIR) == 0 }
        }
    }

    /// The file that stops it.
    var freezeFile: String { freezer == .v1 ? "freezer.state" : "cgroup.freeze" }

    /// Mounts something on its control files, until `uncover`.
    func cover(_ files: [String], by other: String? = nil) throws {
        for file in files { covers.append(try Covered("\(directory)/\(file)", by: other)) }
    }

    func uncover() { covers = [] }

    static func write(_ text: String, _ file: String) throws {
        let opened = try OwnedDescriptor(opening: file, flags: O_WRONLY)
        try opened.writeAll(Array(text.utf8))
    }

    private static func processes(_ directory: String) -> [Int32] {
        var pids: [Int32] = []
        if let bytes = try? readFile("\(directory)/cgroup.procs") {
            pids = String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap { Int32($0) }
        }
        for name in subdirectories(directory) { pids += processes("\(directory)/\(name)") }
        return pids
    }

    private static func thaw(_ directory: String) {
        try? write("THAWED", "\(directory)/freezer.state")
        try? write("0", "\(directory)/cgroup.freeze")
        for name in subdirectories(directory) { thaw("\(directory)/\(name)") }
    }

    private static func subdirectories(_ directory: String) -> [String] {
        ((try? directoryEntries(directory)) ?? []).filter {
            (try? FileStatus.of("\(directory)/\($0)", following: false))?.isDirectory == true
        }
    }

    private static func remove(_ directory: String) -> Bool {
        for name in subdirectories(directory) { _ = remove("\(directory)/\(name)") }
        return unsafe rmdir(directory) == 0 || errno == ENOENT
    }
}

/// A file that has another one mounted on it, until the value goes: so that opening, reading or writing it hangs or fails, as
/// a container can bring about by other means.
final class Covered {
    private let file: String
    private let fifo: String?

    /// - Parameter other: nil: a FIFO, whose opening hangs.
    init(_ file: String, by other: String? = nil) throws {
        self.file = file
        fifo = other == nil ? FileManager.default.temporaryDirectory.path + "/na-fifo-\(UUID().uuidString)" : nil
        if let fifo { try #require(unsafe mkfifo(fifo, 0o600) == 0) }
        let source = try #require(other ?? fifo)
        try #require(unsafe mount(source, file, nil, UInt(MS_BIND), nil) == 0)
    }

    /// What hangs goes on.
    deinit {
        unsafe umount2(file, CInt(MNT_DETACH))
        guard let fifo else { return }
        // Whoever waits for a reader or a writer finds both.
        let end = unsafe open(fifo, O_RDWR | O_NONBLOCK)
        usleep(100_000)
        close(end)
        unsafe unlink(fifo)
    }
}

struct Impatience: Error {}

func waitUntil(_ seconds: Double = 10, _ condition: () throws -> Bool) throws {
    let end = monotonicNanoseconds() + UInt64(seconds * 1e9)
    while try !condition() {
        guard monotonicNanoseconds() < end else { throw Impatience() }
        usleep(2000)
    }
}

/// Nanoseconds of processor time that a process has had.
func runTime(_ pid: Int32) throws -> UInt64 {
    let text = String(decoding: try readFile("/proc/\(pid)/schedstat"), as: UTF8.self)
    return try #require(text.split(separator: " ").first.flatMap { UInt64($0) })
}

/// Whether a busy process gets no processor time worth the name in 60 ms. One that was woken and stopped again at once has
/// some microseconds, in the kernel.
func standsStill(_ pid: Int32) throws -> Bool {
    let before = try runTime(pid)
    usleep(60_000)
    return try runTime(pid) - before < 1_000_000
}

/// Whether a busy process gets processor time, however many others want it.
func goesOn(_ pid: Int32) throws -> Bool {
    let before = try runTime(pid)
    try waitUntil { try runTime(pid) - before > 3_000_000 }
    return true
}

/// A runtime directory of a test, and isolation with its journal in it.
final class RuntimeDirectory {
    let path: String
    let boot: BootID
    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/na-responder-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        boot = try #require(BootID("01234567-89ab-cdef-0123-456789abcdef"))
    }
    deinit { try? FileManager.default.removeItem(atPath: path) }

    var file: String { "\(path)/\(ActionJournal.fileName)" }
    func journal() throws -> ActionJournal { try ActionJournal(directory: path, boot: boot) }
    func isolation(
        host: HostIdentity? = nil, binaries: ProtectedBinaries = ProtectedBinaries(), agent: Set<Int32> = []
    ) throws -> Isolation {
        Isolation(
            journal: try journal(), host: try host ?? hostIdentity(), binaries: binaries, agent: agent)
    }
}

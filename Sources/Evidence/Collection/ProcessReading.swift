private import CLinux
private import EventModel
private import Glibc
package import LinuxSystem
private import Synchronization
private import SystemPackage

/// Reads one process's /proc entries on a thread that may hang: `cmdline`, `environ` and `maps` wait for the process's
/// mmap lock, which a FUSE server of the container can hold for ever. What was read before that is not lost.
///
/// All names are opened below one descriptor of `/proc/PID`: when the pid is used again meanwhile, they fail (ESRCH).
package final class ProcessReading: Sendable {
    package struct Piece: Sendable {
        package var name: String
        package var outcome: ReadOutcome
        package var limit: Int
        /// CLOCK_REALTIME, nanoseconds.
        package var started: UInt64
    }

    /// An executable, or a file that is open but deleted; O_PATH.
    package struct OpenFile: Sendable {
        package var descriptor: CInt
        /// `exe`, or the number in `fd/`.
        package var name: String
        /// The link's text.
        package var target: [UInt8]
        package var status: ObjectStatus
    }

    package struct Result: Sendable {
        package var pieces: [Piece] = []
        package var files: [OpenFile] = []
        /// The process was not there.
        package var error: SystemError?
        /// What was begun last; where a reading hangs, it is this one.
        package var current = ""
        /// Descriptors of deleted files beyond those that are held.
        package var notes: [String] = []
        /// Descriptors of deleted files that could not be opened.
        package var unopened: [String] = []
        /// The text of the link `root`.
        package var root: [UInt8] = []
        fileprivate var isAbandoned = false
    }

    private struct File {
        var name: String
        var limit = 64 << 10
    }

    /// An explicit list: other entries block (`kmsg`), have no end (`pagemap`, `mem`) or act (`clear_refs`).
    private static let files = [
        File(name: "status"), File(name: "stat"), File(name: "statm"), File(name: "limits"), File(name: "cgroup"),
        File(name: "mountinfo", limit: 4 << 20), File(name: "io"), File(name: "wchan"), File(name: "syscall"),
        File(name: "stack"), File(name: "oom_score_adj"), File(name: "uid_map"), File(name: "gid_map"),
        File(name: "attr/current"),
    ]
    /// These take the mmap lock, and come last.
    private static let memoryFiles = [
        File(name: "cmdline", limit: 1 << 20), File(name: "environ", limit: 1 << 20),
        File(name: "maps", limit: 8 << 20),
    ]
    /// What tells who a process is, and is none of its content.
    private static let identity = [
        File(name: "status"), File(name: "stat"), File(name: "cgroup"), File(name: "cmdline", limit: 1 << 20),
    ]

    package enum Scope: Sendable {
        case whole
        /// Without what waits for the mmap lock.
        case withoutMemory
        /// `status`, `stat`, `cgroup` and `cmdline`.
        case identity

        package var names: [String] {
            switch self {
            case .whole: Scope.withoutMemory.names + ProcessReading.memoryFiles.map(\.name)
            case .withoutMemory: ProcessReading.files.map(\.name) + ["ns", "links", "fd"]
            case .identity: ProcessReading.identity.map(\.name)
            }
        }
    }

    /// Descriptors listed, and deleted files held open at a time.
    private static let descriptorLimit = 4096
    private static let heldLimit = 64

    private let result = Mutex(Result())
    private let path: String
    private let scope: Scope

    private init(path: String, scope: Scope) {
        self.path = path
        self.scope = scope
    }

    /// How the reading ended.
    package enum Ending: Sendable {
        case whole
        /// `Result.current` took longer than so many nanoseconds.
        case timedOut(UInt64)
        case refused(hanging: Int)
    }

    /// - Parameter path: `/proc/PID`
    /// - Returns: what was read within `timeout` nanoseconds. The caller closes the files.
    package static func read(
        _ path: String, _ scope: Scope, _ reader: TimedReader, timeout: UInt64
    ) -> (Result, Ending) {
        let reading = ProcessReading(path: path, scope: scope)
        let ending: Ending =
            switch reader.attempt(timeout: timeout, { reading.run() }) {
            case .done: .whole
            case .timedOut(let nanoseconds): .timedOut(nanoseconds)
            case .refused(let hanging): .refused(hanging: hanging)
            }
        let result = reading.result.withLock { result in
            result.isAbandoned = true
            defer { result.files = [] }
            return result
        }
        return (result, ending)
    }

    private func begin(_ name: String) { result.withLock { $0.current = name } }
    private func add(_ piece: Piece) { result.withLock { $0.pieces.append(piece) } }

    private func run() {
        do throws(SystemError) {
            let flags = CInt(NA_O_PATH | NA_O_DIRECTORY | NA_O_NOFOLLOW)
            let process = try OwnedDescriptor(opening: path, flags: flags)
            guard scope != .identity else {
                read(Self.identity, process)
                return
            }
            read(Self.files, process)
            namespaces(process)
            links(process)
            descriptors(process)
            if scope == .whole { read(Self.memoryFiles, process) }
        } catch {
            result.withLock { $0.error = error }
        }
    }

    private func read(_ files: [File], _ process: borrowing OwnedDescriptor) {
        for file in files {
            begin(file.name)
            let started = realtimeNanoseconds()
            let outcome = ReadOutcome(reading: file.name, below: process, limit: file.limit)
            add(Piece(name: file.name, outcome: outcome, limit: file.limit, started: started))
        }
    }

    private func link(_ name: String, _ directory: borrowing OwnedDescriptor) -> (target: [UInt8]?, error: SystemError?)
    {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = unsafe na_read_link(directory.rawValue, name, &buffer, buffer.count)
        guard count >= 0 else { return (nil, SystemError("readlink", errno: .init(rawValue: CInt(-count)))) }
        return (buffer.prefix(count).map(UInt8.init(bitPattern:)), nil)
    }

    private func namespaces(_ process: borrowing OwnedDescriptor) {
        render("ns") { text in
            let kinds = [
                "cgroup", "ipc", "mnt", "net", "pid", "pid_for_children", "time", "time_for_children", "user", "uts",
            ]
            for kind in kinds {
                let (target, _) = link("ns/\(kind)", process)
                if let target { text += Array("\(kind) -> \(EscapedName.escape(target))\n".utf8) }
            }
            return nil
        }
    }

    private func links(_ process: borrowing OwnedDescriptor) {
        render("links") { text in
            var failure: SystemError?
            for name in ["exe", "cwd", "root"] {
                let (target, error) = link(name, process)
                if let target {
                    text += Array("\(name) -> \(EscapedName.escape(target))\n".utf8)
                    if name == "exe" { hold("exe", "exe", target, process) }
                    if name == "root" { result.withLock { $0.root = target } }
                } else {
                    failure = error
                }
            }
            return text.isEmpty ? failure : nil
        }
    }

    /// One line a descriptor, its fdinfo indented below it.
    private func descriptors(_ process: borrowing OwnedDescriptor) {
        render("fd") { text in
            let names: [String]
            do throws(SystemError) {
                let directory = try OwnedDescriptor(directory: Array("fd".utf8), below: process, .contained)
                names = Self.entries(directory)
            } catch {
                return error
            }
            let infoLimit = 4096
            for name in names.prefix(Self.descriptorLimit) {
                guard let target = link("fd/\(name)", process).target else { continue }
                text += Array("\(name) -> \(EscapedName.escape(target))\n".utf8)
                let info = ReadOutcome(reading: "fdinfo/\(name)", below: process, limit: infoLimit)
                for line in info.bytes.split(separator: 0x0a) { text += [0x09] + line + [0x0a] }
                if target.suffix(10).elementsEqual(" (deleted)".utf8) || target.starts(with: "/memfd:".utf8) {
                    hold("fd/\(name)", name, target, process)
                }
            }
            if names.count > Self.descriptorLimit {
                text += Array("… and \(names.count - Self.descriptorLimit) more\n".utf8)
            }
            return nil
        }
    }

    private func render(_ name: String, _ body: (inout [UInt8]) -> SystemError?) {
        begin(name)
        let started = realtimeNanoseconds()
        var text: [UInt8] = []
        let error = body(&text)
        add(Piece(name: name, outcome: ReadOutcome(bytes: text, error: error), limit: .max, started: started))
    }

    /// Opens the object behind a magic link, O_PATH: neither the file system nor a device notices.
    private func hold(_ link: String, _ name: String, _ target: [UInt8], _ process: borrowing OwnedDescriptor) {
        let descriptor = unsafe na_openat(process.rawValue, link, CInt(NA_O_PATH))
        guard descriptor >= 0 else {
            // ENOENT: it was closed meanwhile.
            if descriptor != -ENOENT { result.withLock { $0.unopened.append(name) } }
            return
        }
        guard let status = try? ObjectStatus(descriptor: descriptor), status.isRegular,
            name == "exe" || status.links == 0
        else {
            _ = close(descriptor)
            return
        }
        let file = OpenFile(descriptor: descriptor, name: name, target: target, status: status)
        let isHeld = result.withLock { result in
            if result.isAbandoned { return false }
            if result.files.count >= Self.heldLimit {
                result.notes.append(name)
                return false
            }
            result.files.append(file)
            return true
        }
        if !isHeld { _ = close(descriptor) }
    }

    private static func entries(_ directory: borrowing OwnedDescriptor) -> [String] {
        var names: [String] = []
        var buffer = [UInt8](repeating: 0, count: 32 * 1024)
        while names.count < 1 << 20 {
            let filled = unsafe na_directory_read(directory.rawValue, &buffer, buffer.count)
            guard filled > 0 else { break }
            names += DirectoryRecords.names(in: buffer, filled).map { String(decoding: $0, as: UTF8.self) }
        }
        return names
    }
}

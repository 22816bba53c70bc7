import EventModel
import LinuxSystem

/// What the descriptor of an event leads to, looked up in the `/proc` of a process that still lives: the object itself, where
/// a record of audit has the caller's words or nothing but a number.
struct DescriptorReading: Sendable {
    private let proc = ProcFilesystem()
    /// Host files that rules name: an inode is one of them under whichever name.
    private let files: [String]

    /// More of a table of sockets is not read.
    private static let tableLimit = 512 << 10

    init(files: [String]) { self.files = files }

    /// Takes the kernel's own path for a file that was opened; the caller's words stay in `rawName`.
    func nameFile(_ event: inout KernelEvent) {
        guard event.source == .audit, event.filesystem == .unknown, let object = event.object,
            object.kind == 0o100000 || object.kind == 0o040000
        else { return }
        let id = FileID(device: object.device, inode: object.inode)
        if let file = files.first(where: { (try? FileStatus.of($0, following: false))?.file == id }) {
            event.name = event.append(file)
            return
        }
        guard let result = event.result, result >= 0 else { return }
        let link = proc.path(event.pid, "fd/\(result)")
        // The number may be another file's by now.
        guard let path = try? readLink(link), path.hasPrefix("/"), (try? FileStatus.of(link))?.file == id else {
            return
        }
        event.name = event.append(path)
    }

    /// Finds out what is behind the descriptor of a dup or of a socket call. Whether it is known now.
    func look(_ event: inout KernelEvent) -> Bool {
        guard event.source == .audit else { return false }
        let number: Int64
        switch event.type {
        case .dup, .dup2, .dup3: number = event.result ?? -1
        case .connect, .bind, .listen, .sendto, .sendmsg: number = Int64(Int32(truncatingIfNeeded: event.arguments[0]))
        case .accept, .accept4: number = event.result ?? -1
        default: return false
        }
        guard number >= 0, let link = try? readLink(proc.path(event.pid, "fd/\(number)")) else { return false }
        if link.hasPrefix("socket:["), link.hasSuffix("]"), let inode = UInt64(link.dropFirst(8).dropLast()) {
            return find(inode, &event)
        }
        guard event.type.isDuplication else { return false }
        event.descriptor = link.hasPrefix("pipe:[") ? .pipe : link.hasPrefix("/") ? .file : .other
        return true
    }

    private static let tables: [(name: String, kind: DescriptorKind, transport: Transport)] = [
        ("tcp", .ipv4, .tcp), ("tcp6", .ipv6, .tcp), ("udp", .ipv4, .udp), ("udp6", .ipv6, .udp),
        ("icmp", .ipv4, .icmp), ("icmp6", .ipv6, .icmp), ("raw", .ipv4, .raw), ("raw6", .ipv6, .raw),
    ]

    /// The socket in the tables of the process' network namespace.
    private func find(_ inode: UInt64, _ event: inout KernelEvent) -> Bool {
        for (name, kind, transport) in Self.tables {
            guard let bytes = try? readFile(proc.path(event.pid, "net/\(name)"), limit: Self.tableLimit),
                let row = SocketRow(of: inode, in: bytes)
            else { continue }
            event.descriptor = kind
            event.transport = transport
            event.local = event.local ?? row.local
            event.remote = event.remote ?? row.remote
            return true
        }
        guard event.type.isDuplication else { return false }
        event.descriptor = .other
        return true
    }
}

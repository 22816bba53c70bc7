private import CLinux
import EventModel
private import Glibc
import LinuxSystem
private import SystemPackage

/// What a collection records of a file system object besides its content.
struct ObjectFacts: Sendable {
    var file: FileID
    var type: MemberType
    var mode: UInt32
    var links: UInt32
    var owner: UInt32
    var group: UInt32
    var device: DeviceNumber
    var size: UInt64
    var modified: (Int64, UInt32)
    var accessed: (Int64, UInt32)
    var changed: (Int64, UInt32)
    var born: Int64?
    var target: [UInt8]?
    var attributes: [ExtendedAttribute] = []
    /// What could not be found out, for people.
    var problem: String?

    /// Status alone. `cached`: what this machine knows, without asking the server of a network or FUSE file system.
    init(_ object: borrowing OwnedDescriptor, cached: Bool = false) throws(SystemError) {
        var status = na_object_status()
        _ = try checked(unsafe na_object_status(object.rawValue, cached ? 1 : 0, &status), "statx")
        file = FileID(
            device: DeviceNumber(major: status.device_major, minor: status.device_minor), inode: status.inode)
        type =
            switch status.mode & 0o170000 {
            case S_IFDIR: .directory
            case S_IFLNK: .symlink
            case S_IFIFO: .fifo
            case S_IFSOCK: .socket
            case S_IFCHR: .char
            case S_IFBLK: .block
            default: .file
            }
        mode = status.mode & 0o7777
        links = status.links
        owner = status.uid
        group = status.gid
        device = DeviceNumber(major: status.node_major, minor: status.node_minor)
        size = status.size
        modified = (status.modified_s, status.modified_ns)
        accessed = (status.accessed_s, status.accessed_ns)
        changed = (status.changed_s, status.changed_ns)
        born = status.has_born != 0 ? status.born_s : nil
    }

    /// Status, extended attributes, and the target of a symbolic link.
    static func all(of object: borrowing OwnedDescriptor) throws(SystemError) -> ObjectFacts {
        var facts = try ObjectFacts(object)
        (facts.attributes, facts.problem) = ExtendedAttribute.all(of: object)
        if facts.type == .symlink {
            var target = [CChar](repeating: 0, count: 4096)
            let count = try checked(unsafe na_read_link(object.rawValue, "", &target, target.count), "readlink")
            facts.target = target[..<Int(count)].map(UInt8.init(bitPattern:))
        }
        return facts
    }

    /// Whether content, size or time are other than in `earlier`; nil, or what changed, for people.
    func difference(from earlier: ObjectFacts) -> String? {
        if size > earlier.size { return "grew from \(earlier.size) to \(size) bytes" }
        if size < earlier.size { return "shrank from \(earlier.size) to \(size) bytes" }
        return modified == earlier.modified ? nil : "was written while it was read"
    }

    func header(_ member: [UInt8]) -> TarHeader {
        TarHeader(
            member: member, type: type, mode: mode, owner: owner, group: group, modified: modified,
            accessed: accessed, changed: changed,
            device: type == .char || type == .block ? (device.major, device.minor) : nil, target: target,
            attributes: attributes)
    }

    /// RFC 3339; nil outside of the years that a timestamp of nanoseconds can hold.
    var modifiedText: String? {
        guard modified.0 >= 0, modified.0 < 18_446_744_073, modified.1 < 1_000_000_000 else { return nil }
        return Timestamp(UInt64(modified.0) * 1_000_000_000 + UInt64(modified.1)).rfc3339
    }
}

extension ArtifactStatus {
    /// How an artifact ends that this error kept from being read.
    init(_ error: SystemError) {
        switch error.errno {
        case .noSuchFileOrDirectory, .noSuchProcess, .staleNFSFileHandle, .noSuchAddressOrDevice: self = .vanished
        default: self = .denied
        }
    }
}

private import CLinux
private import Glibc
package import LinuxSystem
private import SystemPackage

extension OwnedDescriptor {
    /// How a name below a directory is walked.
    package enum Walk {
        /// No symbolic link anywhere, no way out, no other mount: what a container's files are opened with.
        case contained
        /// As `contained`, but into mounts below.
        case acrossMounts
        /// `path` from the process's root: no symbolic link anywhere.
        case withoutLinks
        /// The descriptor is the root directory of another process.
        case inRoot

        fileprivate var flags: UInt64 {
            let links = UInt64(NA_RESOLVE_NO_SYMLINKS) | UInt64(NA_RESOLVE_NO_MAGICLINKS)
            return switch self {
            case .contained: links | UInt64(NA_RESOLVE_BENEATH) | UInt64(NA_RESOLVE_NO_XDEV)
            case .acrossMounts: links | UInt64(NA_RESOLVE_BENEATH)
            case .withoutLinks: links
            case .inRoot: links | UInt64(NA_RESOLVE_IN_ROOT)
            }
        }
    }

    /// The object of that name itself, O_PATH: nothing is opened for reading, so that a FIFO does not block and a
    /// device does not act. A last symbolic link is the object.
    package init(
        object name: [UInt8], below directory: borrowing OwnedDescriptor, _ walk: Walk
    ) throws(SystemError) {
        let descriptor = Self.open(name, directory.rawValue, UInt64(NA_O_PATH) | UInt64(NA_O_NOFOLLOW), walk)
        self.init(adopting: try checked(descriptor, "openat2", EscapedName.escape(name)))
    }

    /// A directory for its entries.
    package init(
        directory name: [UInt8], below directory: borrowing OwnedDescriptor, _ walk: Walk
    ) throws(SystemError) {
        let flags = UInt64(O_RDONLY | O_NONBLOCK) | UInt64(NA_O_DIRECTORY) | UInt64(NA_O_NOFOLLOW)
        // O_NOATIME leaves no trace, and is for the owner and for CAP_FOWNER alone.
        var descriptor = Self.open(name, directory.rawValue, flags | UInt64(NA_O_NOATIME), walk)
        if descriptor == -EPERM { descriptor = Self.open(name, directory.rawValue, flags, walk) }
        self.init(adopting: try checked(descriptor, "openat2", EscapedName.escape(name)))
    }

    /// A host path that no container can shape, O_PATH; symbolic links on the way are the administrator's.
    package init(hostPath path: String) throws(SystemError) {
        try self.init(opening: path, flags: CInt(NA_O_PATH))
    }

    /// A host path without following any symbolic link, O_PATH.
    package init(hostObject path: String) throws(SystemError) {
        let descriptor = Self.open(
            Array(path.utf8), AT_FDCWD, UInt64(NA_O_PATH) | UInt64(NA_O_NOFOLLOW), .withoutLinks)
        self.init(adopting: try checked(descriptor, "openat2", path))
    }

    private static func open(_ name: [UInt8], _ directory: CInt, _ flags: UInt64, _ walk: Walk) -> CInt {
        // An embedded NUL would cut the name: no file has one.
        guard !name.contains(0), !name.isEmpty else { return -EINVAL }
        let terminated = name.map { CChar(bitPattern: $0) } + [0]
        return unsafe na_openat2(directory, terminated, flags, walk.flags)
    }

    /// The same file, opened for reading: for regular files and files of /proc, /sys; not before the type is known.
    package func reopened() throws(SystemError) -> OwnedDescriptor {
        let flags = O_RDONLY | O_NONBLOCK | O_NOCTTY
        var descriptor = na_reopen(rawValue, flags | CInt(NA_O_NOATIME))
        if descriptor == -EPERM { descriptor = na_reopen(rawValue, flags) }
        return OwnedDescriptor(adopting: try checked(descriptor, "open"))
    }

    /// An extended attribute's value, at most `limit` bytes; nil without one.
    package func attribute(_ name: String, limit: Int = 256) -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: limit)
        let count = unsafe na_get_xattr(rawValue, name, &buffer, buffer.count)
        // ERANGE: there is one, longer than anybody asked for.
        if count == -Int64(ERANGE) { return [] }
        guard count >= 0 else { return nil }
        return Array(buffer.prefix(Int(count)))
    }
}

private import CLinux
private import Glibc
private import SystemPackage

/// The root directory of another process (`/proc/PID/root`), held open: paths below it are the container's to shape, and
/// every walk stays inside (openat2, RESOLVE_IN_ROOT) and follows no magic link.
package struct ForeignRoot: ~Copyable {
    private let root: OwnedDescriptor

    package init(pid: Int32, proc: String = "/proc") throws(SystemError) {
        root = try OwnedDescriptor(opening: "\(proc)/\(pid)/root", flags: CInt(NA_O_PATH) | CInt(NA_O_DIRECTORY))
    }

    /// A directory that somebody else than root writes, by a path that only root shapes.
    package init(directory: String) throws(SystemError) {
        root = try OwnedDescriptor(opening: directory, flags: CInt(NA_O_PATH) | CInt(NA_O_DIRECTORY))
    }

    /// Whether there is openat2 at all: not on kernels before 5.6, nor under systemd's RestrictSUIDSGID.
    ///
    /// - Throws: what it said.
    package static func probe() throws(SystemError) {
        _ = try ForeignRoot(directory: "/").object(at: ".")
    }

    /// The bytes of a regular file that `owner` owns, at most `limit`; no symbolic link and no other mount on the way.
    package func readFile(_ path: String, owner: UInt32, limit: Int) throws(SystemError) -> [UInt8] {
        let file = try open(
            path, flags: UInt64(O_RDONLY | O_NONBLOCK | O_NOCTTY),
            resolve: UInt64(NA_RESOLVE_NO_SYMLINKS | NA_RESOLVE_NO_XDEV))
        let status = try file.status()
        guard status.isRegular, status.owner == owner else { throw SystemError("read", path, errno: .permissionDenied) }
        return try file.readAll(limit: limit)
    }

    /// The object at `path` itself, O_PATH, with no symbolic link anywhere on the way.
    package func object(at path: String) throws(SystemError) -> OwnedDescriptor {
        try open(path, flags: UInt64(NA_O_PATH), resolve: UInt64(NA_RESOLVE_NO_SYMLINKS))
    }

    /// Opens for reading without waiting; links are followed inside the root.
    package func reading(_ path: String) throws(SystemError) -> OwnedDescriptor {
        try open(path, flags: UInt64(O_RDONLY | O_NONBLOCK | O_NOCTTY), resolve: 0)
    }

    package func status() throws(SystemError) -> FileStatus { try root.status() }

    private func open(_ path: String, flags: UInt64, resolve: UInt64) throws(SystemError) -> OwnedDescriptor {
        let descriptor = unsafe na_openat2(
            root.rawValue, path, flags,
            UInt64(NA_RESOLVE_IN_ROOT) | UInt64(NA_RESOLVE_NO_MAGICLINKS) | resolve)
        return OwnedDescriptor(adopting: try checked(descriptor, "openat2", path))
    }
}

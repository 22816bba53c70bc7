private import CLinux
package import ContainerInventory
package import EventModel
private import Glibc
package import LinuxSystem
private import SystemPackage

/// A cgroup held open: whatever is read or written goes below this descriptor, so that a cgroup that was removed and made
/// again under the same name is never met (the old one answers ENODEV).
///
/// Directories are opened with O_PATH, which no permission mark holds up; files and lists of names by `ControlAccess`.
package struct CgroupDirectory {
    private let directory: ControlFile
    let files: ControlFiles
    package var id: CgroupID { files.cgroup }
    package var isUnified: Bool { files.isUnified }

    /// Names that wait in one walk: a container can make as many cgroups as the kernel has memory for.
    private static let waitingLimit = 100_000

    /// - Parameter path: below the hierarchy's root, beginning with `/`.
    /// - Throws: EINVAL for the root and for what is no cgroup of this hierarchy.
    package init(_ hierarchy: CgroupTree.Hierarchy, path: String) throws(SystemError) {
        try self.init(hierarchy, path: path, access: ControlAccess(), held: nil)
    }

    /// - Parameter held: files of this cgroup that are open already; not used if it is another one by now.
    init(
        _ hierarchy: CgroupTree.Hierarchy, path: String, access: ControlAccess, held: ControlFiles?
    ) throws(SystemError) {
        let root = try OwnedDescriptor(opening: hierarchy.mountPoint, flags: CInt(NA_O_PATH) | CInt(NA_O_DIRECTORY))
        let relative = String(path.drop { $0 == "/" })
        guard !relative.isEmpty else { throw SystemError("open", path, errno: .invalidArgument) }
        let resolve = NA_RESOLVE_BENEATH | NA_RESOLVE_NO_XDEV
        let flags = UInt64(NA_O_PATH) | UInt64(NA_O_DIRECTORY)
        let result = unsafe na_openat2(
            root.rawValue, relative, flags,
            UInt64(resolve) | UInt64(NA_RESOLVE_NO_SYMLINKS) | UInt64(NA_RESOLVE_NO_MAGICLINKS))
        let opened = ControlFile(
            OwnedDescriptor(adopting: try checked(result, "openat2", hierarchy.mountPoint + path)))
        let magic = hierarchy.isUnified ? FilesystemMagic.cgroup2 : FilesystemMagic.cgroup
        let status = try opened.descriptor.status()
        guard try opened.descriptor.filesystemMagic() == magic, status.file.device == hierarchy.device else {
            throw SystemError("fstatfs", hierarchy.mountPoint + path, errno: .invalidArgument)
        }
        directory = opened
        let id = CgroupID(status.file.inode)
        if let held, held.cgroup == id, held.isUnified == hierarchy.isUnified {
            files = held
        } else {
            files = ControlFiles(
                directory: opened, cgroup: id, isUnified: hierarchy.isUnified, access: access)
        }
    }

    private init(_ opened: ControlFile, like other: CgroupDirectory) throws(SystemError) {
        directory = opened
        files = ControlFiles(
            directory: opened, cgroup: CgroupID(try opened.descriptor.status().file.inode),
            isUnified: other.isUnified, access: other.files.access)
    }

    /// Below it, or `..`.
    private func relative(_ name: [CChar]) throws(SystemError) -> CgroupDirectory {
        let flags = CInt(NA_O_PATH) | CInt(NA_O_DIRECTORY) | CInt(NA_O_NOFOLLOW)
        let result = unsafe na_openat(directory.descriptor.rawValue, name, flags)
        return try CgroupDirectory(
            ControlFile(OwnedDescriptor(adopting: try checked(result, "open", "cgroup"))), like: self)
    }

    package func has(_ file: String) -> Bool {
        (try? OwnedDescriptor(opening: file, below: directory.descriptor, flags: CInt(NA_O_PATH))) != nil
    }

    /// Whether it has not been removed.
    var isThere: Bool { has("cgroup.procs") }

    // MARK: What lies in it

    /// Thread groups in this cgroup and in all below it, each once; `isComplete` is false when not all could be looked at.
    ///
    /// - Parameter deadline: CLOCK_MONOTONIC nanoseconds.
    /// - Throws: when this cgroup itself is gone or cannot be read.
    package func processes(until deadline: UInt64) throws(SystemError) -> Found {
        var pids = Set(try members())
        var isComplete = true
        isComplete =
            forEach(until: deadline) { directory in
                guard directory.id != id else { return }
                do throws(SystemError) {
                    pids.formUnion(try directory.members())
                } catch {
                    // Removed meanwhile, or threaded, and then the threaded subtree's top has its processes.
                    if !error.isGone, error.errno != .notSupportedOnSocket { isComplete = false }
                }
            } && isComplete
        return (pids.sorted(), isComplete)
    }

    private func members() throws(SystemError) -> [Int32] {
        let directory = directory
        let text = try files.access.run("read", "cgroup.procs") {
            Result { () throws(SystemError) in
                try OwnedDescriptor(
                    opening: "cgroup.procs", below: directory.descriptor, flags: O_RDONLY | CInt(NA_O_NOFOLLOW)
                ).readAll(limit: 4 << 20)
            }
        }
        // 0 stands for a process of a pid namespace that is not below ours.
        return String(decoding: text, as: UTF8.self).split(separator: "\n").compactMap { Int32($0) }.filter { $0 > 0 }
    }

    /// This cgroup and all below it, parents first, however deep: one descriptor is open at a time, and the way back is `..`.
    ///
    /// - Returns: false when not all were reached: the time was over, one could not be read, or more names waited than may.
    func forEach(until deadline: UInt64, _ body: (CgroupDirectory) -> Void) -> Bool {
        body(self)
        guard var levels = (try? childNames(at: Self.waitingLimit)).map({ [(id: id, names: $0.names)] }) else {
            return !isThere
        }
        var isComplete = true
        var waiting = levels[0].names.count
        var current = self
        while let last = levels.indices.last {
            guard monotonicNanoseconds() < deadline else { return false }
            guard let name = levels[last].names.popLast() else {
                levels.removeLast()
                guard let above = levels.last else { break }
                guard let parent = try? current.relative(Self.name("..")), parent.id == above.id else { return false }
                current = parent
                continue
            }
            waiting -= 1
            do throws(SystemError) {
                let child = try current.relative(name)
                body(child)
                let below = try child.childNames(at: Self.waitingLimit - waiting)
                if !below.isWhole { isComplete = false }
                if below.names.isEmpty { continue }
                waiting += below.names.count
                levels.append((child.id, below.names))
                current = child
            } catch {
                if !error.isGone { isComplete = false }
            }
        }
        return isComplete
    }

    private static func name(_ text: String) -> [CChar] { text.utf8.map { CChar(bitPattern: $0) } + [0] }

    /// As bytes: a cgroup's name need not be UTF-8. At most `limit` of them.
    private func childNames(at limit: Int) throws(SystemError) -> (names: [[CChar]], isWhole: Bool) {
        let directory = directory
        return try files.access.run("readdir", "cgroup") { Self.childNames(directory, limit) }
    }

    private static func childNames(
        _ directory: ControlFile, _ limit: Int
    ) -> Result<(names: [[CChar]], isWhole: Bool), SystemError> {
        let listed = unsafe na_openat(directory.descriptor.rawValue, ".", O_RDONLY | CInt(NA_O_DIRECTORY))
        guard listed >= 0 else {
            // A cgroup that has been removed has no entries left.
            if listed == -ENOENT { return .success(([], true)) }
            return .failure(SystemError("open", "cgroup", errno: Errno(rawValue: -listed)))
        }
        guard let stream = unsafe fdopendir(listed) else {
            let error = Errno(rawValue: Glibc.errno)
            close(listed)
            return .failure(SystemError("fdopendir", "cgroup", errno: error))
        }
        defer { unsafe closedir(stream) }
        var names: [[CChar]] = []
        while let entry = unsafe readdir(stream) {
            guard unsafe Int(entry.pointee.d_type) == Int(DT_DIR) else { continue }
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe bytes.prefix { $0 != 0 }.map { CChar(bitPattern: $0) }
            }
            if name + [0] == Self.name(".") || name + [0] == Self.name("..") { continue }
            guard names.count < limit else { return .success((names, false)) }
            names.append(name + [0])
        }
        return .success((names, true))
    }
}

extension SystemError {
    /// The file or the cgroup was removed: on cgroup file systems a removed directory answers ENOENT or ENODEV.
    package var isGone: Bool { errno == .noSuchFileOrDirectory || errno == .operationNotSupportedByDevice }
}

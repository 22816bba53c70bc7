private import CLinux
package import ContainerInventory
package import EventModel
private import Glibc
package import LinuxSystem
private import SystemPackage

/// A cgroup held open: whatever is read or written goes below this descriptor, so that a cgroup that was removed and made
/// again under the same name is never met (the old one answers ENODEV).
package struct CgroupDirectory: ~Copyable {
    private let descriptor: OwnedDescriptor
    package let id: CgroupID
    package let isUnified: Bool

    /// A container can nest cgroups as deep as it likes; each level costs a descriptor while it is looked at.
    private static let depthLimit = 128
    private static let directoryLimit = 16_384
    private static let processLimit = 65_536

    /// - Parameter path: below the hierarchy's root, beginning with `/`.
    /// - Throws: EINVAL for the root and for what is no cgroup of this hierarchy.
    package init(_ hierarchy: CgroupTree.Hierarchy, path: String) throws(SystemError) {
        let root = try OwnedDescriptor(opening: hierarchy.mountPoint, flags: CInt(NA_O_PATH) | CInt(NA_O_DIRECTORY))
        let relative = String(path.drop { $0 == "/" })
        guard !relative.isEmpty else { throw SystemError("open", path, errno: .invalidArgument) }
        let resolve = NA_RESOLVE_BENEATH | NA_RESOLVE_NO_XDEV
        let flags = UInt64(O_RDONLY) | UInt64(NA_O_DIRECTORY)
        let result = unsafe na_openat2(
            root.rawValue, relative, flags,
            UInt64(resolve) | UInt64(NA_RESOLVE_NO_SYMLINKS) | UInt64(NA_RESOLVE_NO_MAGICLINKS))
        let opened = OwnedDescriptor(adopting: try checked(result, "openat2", hierarchy.mountPoint + path))
        let magic = hierarchy.isUnified ? FilesystemMagic.cgroup2 : FilesystemMagic.cgroup
        let status = try opened.status()
        guard try opened.filesystemMagic() == magic, status.file.device == hierarchy.device else {
            throw SystemError("fstatfs", hierarchy.mountPoint + path, errno: .invalidArgument)
        }
        id = CgroupID(status.file.inode)
        isUnified = hierarchy.isUnified
        descriptor = opened
    }

    private init(child name: [CChar], of parent: borrowing CgroupDirectory) throws(SystemError) {
        let flags = O_RDONLY | CInt(NA_O_DIRECTORY) | CInt(NA_O_NOFOLLOW)
        let result = unsafe na_openat(parent.descriptor.rawValue, name, flags)
        let opened = OwnedDescriptor(adopting: try checked(result, "open"))
        id = CgroupID(try opened.status().file.inode)
        isUnified = parent.isUnified
        descriptor = opened
    }

    // MARK: Control files

    package func open(_ file: String, flags: CInt) throws(SystemError) -> OwnedDescriptor {
        try OwnedDescriptor(opening: file, below: descriptor, flags: flags | CInt(NA_O_NOFOLLOW))
    }

    package func read(_ file: String, limit: Int = 4096) throws(SystemError) -> String {
        String(decoding: try open(file, flags: O_RDONLY).readAll(limit: limit), as: UTF8.self)
    }

    package func write(_ file: String, _ text: String) throws(SystemError) {
        do throws(SystemError) {
            try open(file, flags: O_WRONLY).writeAll(Array(text.utf8))
        } catch {
            throw SystemError(error.operation, file, errno: error.errno)
        }
    }

    package func has(_ file: String) -> Bool { (try? open(file, flags: CInt(NA_O_PATH))) != nil }

    // MARK: What lies in it

    /// Thread groups in this cgroup and in all below it, each once.
    ///
    /// - Throws: E2BIG when there is more than may be looked at: then it is not known what else is in it.
    package func processes() throws(SystemError) -> [Int32] {
        var pids: Set<Int32> = []
        try forEach { (directory) throws(SystemError) in
            let text: String
            do throws(SystemError) {
                text = try directory.read("cgroup.procs", limit: 4 << 20)
            } catch {
                // Below the top: removed meanwhile, or threaded, and then the threaded subtree's top has its processes.
                let isTop = directory.id == id
                if !isTop, error.isGone || error.errno == .notSupportedOnSocket { return }
                throw error
            }
            for line in text.split(separator: "\n") {
                // 0 stands for a process of a pid namespace that is not below ours.
                if let pid = Int32(line), pid > 0 { pids.insert(pid) }
            }
            if pids.count > Self.processLimit { throw SystemError("read", "cgroup.procs", errno: .argListTooLong) }
        }
        return pids.sorted()
    }

    /// This cgroup and all below it, parents first.
    package func forEach(
        _ body: (borrowing CgroupDirectory) throws(SystemError) -> Void
    ) throws(SystemError) {
        var visited = 0
        try visit(depth: 0, &visited, body)
    }

    private func visit(
        depth: Int, _ visited: inout Int, _ body: (borrowing CgroupDirectory) throws(SystemError) -> Void
    ) throws(SystemError) {
        visited += 1
        guard depth < Self.depthLimit, visited <= Self.directoryLimit else {
            throw SystemError("readdir", "cgroup", errno: .argListTooLong)
        }
        try body(self)
        for name in try childNames() {
            let child: CgroupDirectory
            do throws(SystemError) {
                child = try CgroupDirectory(child: name, of: self)
            } catch {
                if error.isGone { continue }
                throw error
            }
            try child.visit(depth: depth + 1, &visited, body)
        }
    }

    /// As bytes: a cgroup's name need not be UTF-8.
    private func childNames() throws(SystemError) -> [[CChar]] {
        let listed = unsafe na_openat(descriptor.rawValue, ".", O_RDONLY | CInt(NA_O_DIRECTORY))
        // A cgroup that has been removed has no entries left.
        if listed == -ENOENT { return [] }
        _ = try checked(listed, "open", "cgroup")
        guard let stream = unsafe fdopendir(listed) else {
            let error = Errno(rawValue: Glibc.errno)
            close(listed)
            throw SystemError("fdopendir", "cgroup", errno: error)
        }
        defer { unsafe closedir(stream) }
        var names: [[CChar]] = []
        while let entry = unsafe readdir(stream) {
            guard unsafe Int(entry.pointee.d_type) == Int(DT_DIR) else { continue }
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe bytes.prefix { $0 != 0 }.map { CChar(bitPattern: $0) }
            }
            let dot = CChar(bitPattern: UInt8(ascii: "."))
            if name == [dot] || name == [dot, dot] { continue }
            names.append(name + [0])
            if names.count > Self.directoryLimit { throw SystemError("readdir", "cgroup", errno: .argListTooLong) }
        }
        return names
    }
}

extension SystemError {
    /// The file or the cgroup was removed: on cgroup file systems a removed directory answers ENOENT or ENODEV.
    package var isGone: Bool { errno == .noSuchFileOrDirectory || errno == .operationNotSupportedByDevice }
}

private import CLinux
import EventModel
private import Glibc
import LinuxSystem

/// The control files of one cgroup, each opened once and kept: what is written goes through a descriptor that was opened
/// before the decision to write, if it can be before the container's first instruction.
final class ControlFiles {
    let cgroup: CgroupID
    let isUnified: Bool
    let access: ControlAccess
    private let directory: ControlFile
    private var open: [String: ControlFile] = [:]

    init(directory: ControlFile, cgroup: CgroupID, isUnified: Bool, access: ControlAccess) {
        self.directory = directory
        self.cgroup = cgroup
        self.isUnified = isUnified
        self.access = access
    }

    /// Opens what a freeze, a kill and a release need; what is there already stays.
    ///
    /// - Throws: the first failure. `cgroup.kill` may be missing (Linux before 5.14).
    func openAll() throws(SystemError) {
        guard isUnified else {
            _ = try writable("freezer.state")
            open["freezer.self_freezing"] = try readable("freezer.self_freezing")
            return
        }
        _ = try writable("cgroup.freeze")
        open["cgroup.events"] = try readable("cgroup.events")
        do throws(SystemError) {
            _ = try writable("cgroup.kill")
        } catch {
            if !error.isGone { throw error }
        }
    }

    /// Once this has returned, `write` cannot be held up.
    func writable(_ file: String) throws(SystemError) -> ControlFile {
        if let known = open[file] { return known }
        // cgroup.kill is for writing alone.
        let new = try opened(file, file == "cgroup.kill" ? O_WRONLY : O_RDWR)
        open[file] = new
        return new
    }

    func write(_ file: String, _ text: String) throws(SystemError) {
        let opened = try writable(file)
        do throws(SystemError) {
            try opened.descriptor.writeAll(Array(text.utf8))
        } catch {
            throw SystemError(error.operation, file, errno: error.errno)
        }
    }

    /// A small file whole, from its beginning.
    func read(_ file: String) throws(SystemError) -> String {
        try read(try readable(file), file)
    }

    /// Kept by `openAll` alone.
    func readable(_ file: String) throws(SystemError) -> ControlFile {
        if let known = open[file] { return known }
        return try opened(file, O_RDONLY)
    }

    func read(_ opened: ControlFile, _ file: String) throws(SystemError) -> String {
        let bytes = try access.run("read", file) {
            Result { () throws(SystemError) in try opened.descriptor.readBytes(4096, at: 0) }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func opened(_ file: String, _ flags: CInt) throws(SystemError) -> ControlFile {
        try access.open(file, below: directory, flags: flags | CInt(NA_O_NOFOLLOW))
    }
}

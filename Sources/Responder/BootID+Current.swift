package import LinuxSystem
private import SystemPackage

extension BootID {
    /// This boot's, from `/proc/sys/kernel/random/boot_id`.
    package static func current() throws(SystemError) -> BootID {
        let path = "/proc/sys/kernel/random/boot_id"
        guard let boot = BootID(String(decoding: try readFile(path, limit: 64), as: UTF8.self)) else {
            throw SystemError("parse", path, errno: .invalidArgument)
        }
        return boot
    }
}

private import CLinux
private import Glibc
import LinuxSystem

/// One extended attribute: `security.capability`, `trusted.overlay.opaque`, …
struct ExtendedAttribute: Equatable, Sendable {
    var name: [UInt8]
    var value: [UInt8]

    /// All attributes of the object, up to 256 KiB together: a reader of tar refuses extended headers above 1 MiB, and a value
    /// may be a container's.
    ///
    /// - Returns: what could not be taken, for people, as `problem`.
    static func all(of object: borrowing OwnedDescriptor) -> (attributes: [ExtendedAttribute], problem: String?) {
        var names = [CChar](repeating: 0, count: 1024)
        var count = unsafe na_list_xattrs(object.rawValue, &names, names.count)
        if count == -Int64(ERANGE) {
            names = [CChar](repeating: 0, count: 64 << 10)
            count = unsafe na_list_xattrs(object.rawValue, &names, names.count)
        }
        if count == -Int64(ENOTSUP) || count == 0 { return ([], nil) }
        guard count > 0 else { return ([], "its extended attributes cannot be listed") }
        var attributes: [ExtendedAttribute] = []
        var total = 0
        var missed = 0
        for name in names[..<Int(count)].split(separator: 0) {
            // POSIX ACLs and SELinux labels come this way as well.
            var value = [UInt8](repeating: 0, count: 256)
            var length = unsafe na_get_xattr(object.rawValue, Array(name) + [0], &value, value.count)
            if length == -Int64(ERANGE) {
                value = [UInt8](repeating: 0, count: 64 << 10)
                length = unsafe na_get_xattr(object.rawValue, Array(name) + [0], &value, value.count)
            }
            guard length >= 0, total + name.count + Int(length) <= 256 << 10 else {
                missed += 1
                continue
            }
            total += name.count + Int(length)
            attributes.append(
                ExtendedAttribute(name: name.map(UInt8.init(bitPattern:)), value: Array(value[..<Int(length)])))
        }
        return (attributes, missed == 0 ? nil : "\(missed) of its extended attributes are missing")
    }
}

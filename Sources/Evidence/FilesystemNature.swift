import LinuxSystem

/// Which file systems have files with content of their own.
///
/// Asked of each object anew, by the job that also reads it: a device number is used again when its file system is gone, and
/// the answer to fstatfs comes from the server of a FUSE or NFS file system, which may keep silent.
enum FilesystemNature: Sendable {
    /// The page cache holds their files: ext, XFS, Btrfs, tmpfs, ramfs, overlay.
    case local
    /// Made by the kernel as they are read: their stat says nothing of them, and some reads never end.
    case kernel
    /// Whatever else: FUSE, NFS, or an uncommon one.
    case other

    init(of object: borrowing OwnedDescriptor) {
        // Who cannot be asked is no file system of the kernel's.
        self = (try? object.filesystemMagic()).map { Self(magic: $0) } ?? .other
    }

    /// - Parameter magic: f_type.
    init(magic: Int64) {
        self = Self.localMagic.contains(magic) ? .local : Self.kernelMagic.contains(magic) ? .kernel : .other
    }

    /// From linux/magic.h: ext2 to ext4, XFS, Btrfs, tmpfs, ramfs, overlay.
    private static let localMagic: Set<Int64> = [
        0xEF53, 0x5846_5342, 0x9123_683E, 0x0102_1994, 0x8584_58F6, 0x794C_7630,
    ]

    /// And debugfs, tracefs, securityfs, bpf, mqueue, configfs, pstore, efivarfs, nsfs, binfmt_misc, selinuxfs, rpc_pipefs,
    /// fusectl.
    private static let kernelMagic: Set<Int64> = [
        FilesystemMagic.procfs, FilesystemMagic.sysfs, FilesystemMagic.cgroup, FilesystemMagic.cgroup2,
        0x6462_6720, 0x7472_6163, 0x7363_6673, 0xCAFE_4A11, 0x1980_0202, 0x6265_6570, 0x6165_676C, 0xDE5E_81E4,
        0x6E73_6673, 0x4249_4E4D, 0xF97C_FF8C, 0x6759_6969, 0x6573_5543,
    ]
}

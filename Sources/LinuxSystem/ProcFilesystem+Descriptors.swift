extension ProcFilesystem {
    /// A process' descriptors with what they stand for, as the kernel writes it: a path, `socket:[4711]`,
    /// `anon_inode:[fanotify]`. None of them is opened. Empty when the process is gone or may not be looked at.
    package func descriptors(_ pid: Int32) -> [(number: Int32, link: String)] {
        let directory = path(pid, "fd")
        return ((try? directoryEntries(directory)) ?? []).compactMap { name in
            guard let number = Int32(name), let link = try? readLink("\(directory)/\(name)") else { return nil }
            return (number, link)
        }
    }
}

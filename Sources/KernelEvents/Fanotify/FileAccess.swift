package import EventModel

/// What the fanotify reader found out about one event while the file was open: the shape in which it crosses to the
/// pipeline.
package struct FileAccess: Sendable, Equatable {
    package var pid: Int32
    /// FAN_MODIFY, not an open.
    package var isWrite: Bool
    /// Nanoseconds since the epoch at reading: fanotify stamps nothing.
    package var time: UInt64
    package var received: UInt64
    /// Nil when the process whose file it is was gone before the file could be looked at (ESRCH): such an open is of one of
    /// the few files that need the process' memory (environ, auxv, maps, mem, pagemap). From 6.13 on the actor's pid is
    /// known even so; before, it is 0.
    package var object: FileObject?
    package var filesystem: FilesystemKind
    /// As the host would name it, `/proc/1/environ`: from the inode and the superblock, not from the path used.
    package var name: String
    /// The path under which the actor's mount namespace shows it.
    package var path: String
    package var entry: ProcfsEntry?

    /// Puts it into the form that the rules see.
    package func fill(_ event: inout KernelEvent) {
        event.reset()
        event.source = .fanotify
        event.type = isWrite ? .write : .openat
        event.time = time
        event.received = received
        event.pid = pid
        event.object = object
        event.isComplete = object != nil
        event.filesystem = filesystem
        event.procfsEntry = entry
        if !name.isEmpty { event.name = event.append(name) }
        if !path.isEmpty { event.rawName = event.append(path) }
    }
}

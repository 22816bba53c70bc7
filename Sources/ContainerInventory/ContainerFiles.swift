/// Where the host keeps what belongs to one container. Absolute host paths; a file that is not there is not named.
package struct ContainerFiles: Sendable, Equatable {
    /// The bundle's config.json, and copies that runtimes keep of it.
    package var configurations: [String] = []
    /// runc's state.json, crun's status.
    package var states: [String] = []
    /// docker's config.v2.json and hostconfig.json.
    package var engineFiles: [String] = []
    /// The element of containers/storage's containers.json, and the file it is in.
    package var storageFile: String?
    package var storageEntry: [UInt8]?
    /// What the container wrote to its standard output and error, rotated files as well, the newest first.
    package var logs: [String] = []
    /// `root.path` of the OCI configuration, made absolute below its bundle.
    package var rootfs: String?

    package init() {}
}

private import CLinux
package import LinuxSystem
private import SystemPackage

/// What this kernel's fanotify can do, tried at start and not inferred from its version.
package struct FanotifyFeatures: Sendable {
    /// FAN_REPORT_PIDFD (5.15).
    package var reportsPidfd = false
    /// FAN_REPORT_FD_ERROR (6.13): an event whose object cannot be opened keeps its pid.
    package var reportsDescriptorErrors = false

    /// The flags to open a group with.
    var initFlags: UInt32 {
        (reportsPidfd ? UInt32(NA_FAN_REPORT_PIDFD) : 0)
            | (reportsDescriptorErrors ? UInt32(NA_FAN_REPORT_FD_ERROR) : 0)
    }

    /// Opens a group with each flag and closes it again.
    package static func probe() throws(SystemError) -> FanotifyFeatures {
        _ = OwnedDescriptor(adopting: try checked(na_fanotify_init(0), "fanotify_init"))
        var features = FanotifyFeatures()
        features.reportsPidfd = takes(UInt32(NA_FAN_REPORT_PIDFD))
        features.reportsDescriptorErrors = takes(UInt32(NA_FAN_REPORT_FD_ERROR))
        return features
    }

    private static func takes(_ flags: UInt32) -> Bool {
        let group = na_fanotify_init(flags)
        guard group >= 0 else { return false }
        _ = OwnedDescriptor(adopting: group)
        return true
    }
}

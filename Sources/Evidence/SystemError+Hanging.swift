package import LinuxSystem
private import SystemPackage

extension SystemError {
    private static let waiting = "wait"

    /// A job that was given up (`TimedReader`): `what` is what it was doing.
    static func hung(_ what: String, after nanoseconds: UInt64) -> SystemError {
        let seconds = nanoseconds / 1_000_000_000
        let time = seconds > 0 ? "\(seconds) s" : "\(nanoseconds / 1_000_000) ms"
        return SystemError(waiting, "\(what) took longer than \(time)", errno: .timedOut)
    }

    /// A job that was not begun.
    static func refused(hanging: Int) -> SystemError {
        SystemError(waiting, "not tried: \(hanging) reads hang already", errno: .timedOut)
    }

    /// The reason of a row, for people.
    package var reason: String {
        switch errno {
        case .noSuchFileOrDirectory: "there is none"
        case .tooManySymbolicLinkLevels: "a symbolic link is on the way, and links are not followed"
        case .timedOut where operation == Self.waiting: object ?? "\(self)"
        default: "\(self)"
        }
    }
}

extension TimedReader {
    /// What `job` returns; `timedOut` when it was given up or not begun.
    func answer<T: Sendable>(
        timeout: UInt64 = 2_000_000_000, _ what: String, _ job: @escaping @Sendable () throws(SystemError) -> T
    ) throws(SystemError) -> T {
        switch attempt(timeout: timeout, { Result { () throws(SystemError) in try job() } }) {
        case .done(let result): return try result.get()
        case .timedOut(let nanoseconds): throw .hung(what, after: nanoseconds)
        case .refused(let hanging): throw .refused(hanging: hanging)
        }
    }
}

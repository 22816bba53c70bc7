package import SystemPackage

/// A call to the kernel that failed: what was tried, on what, and the errno.
package struct SystemError: Error, Equatable, CustomStringConvertible {
    /// The call as a person knows it: `fanotify_mark`, `openat2`.
    package let operation: String
    /// The path or object it was tried on, where there is one.
    package let object: String?
    package let errno: Errno

    package init(_ operation: String, _ object: String? = nil, errno: Errno) {
        self.operation = operation
        self.object = object
        self.errno = errno
    }

    package var description: String {
        "\(operation)\(object.map { " \($0)" } ?? ""): \(errno)"
    }
}

/// The value of a shim that returns `-errno` on failure.
package func checked<T: BinaryInteger>(
    _ result: T, _ operation: @autoclosure () -> String, _ object: @autoclosure () -> String? = nil
) throws(SystemError) -> T {
    guard result >= 0 else {
        throw SystemError(operation(), object(), errno: Errno(rawValue: CInt(-Int64(result))))
    }
    return result
}

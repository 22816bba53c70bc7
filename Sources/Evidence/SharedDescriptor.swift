private import CLinux
package import LinuxSystem

/// A descriptor that a job on another thread owns together with its caller: it stays what it is as long as either uses it.
package final class SharedDescriptor: Sendable {
    package let descriptor: OwnedDescriptor

    package init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }

    package init(duplicating other: borrowing OwnedDescriptor) throws(SystemError) {
        descriptor = OwnedDescriptor(adopting: try checked(na_duplicate(other.rawValue), "fcntl"))
    }

    package func duplicate() throws(SystemError) -> OwnedDescriptor {
        OwnedDescriptor(adopting: try checked(na_duplicate(descriptor.rawValue), "fcntl"))
    }
}

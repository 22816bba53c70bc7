package import EventModel

/// One row of `/proc/PID/net/tcp` and its like (proc_net_tcp in the kernel's documentation).
package struct SocketRow: Equatable, Sendable {
    package var local: SocketAddress
    /// Nil while it is not connected.
    package var remote: SocketAddress?

    /// The row of the socket with this inode number; nil where there is none.
    package init?(of inode: UInt64, in table: [UInt8]) {
        let wanted = Array(String(inode).utf8)
        for line in table.split(separator: UInt8(ascii: "\n")).dropFirst() {
            // Number, local and remote address, state, queues, timer, retries, uid, timeout, inode.
            let fields = line.split(separator: UInt8(ascii: " "), maxSplits: 10)
            guard fields.count > 9, fields[9].elementsEqual(wanted), let local = Self.end(fields[1]),
                let remote = Self.end(fields[2])
            else { continue }
            self.local = local
            self.remote = remote.port == 0 && remote.address.isUnspecified ? nil : remote
            return
        }
        return nil
    }

    /// `0100007F:1F90`: words of 32 bits in the machine's order, then the port.
    private static func end(_ field: ArraySlice<UInt8>) -> SocketAddress? {
        let parts = field.split(separator: UInt8(ascii: ":"))
        guard parts.count == 2, let port = UInt16(String(decoding: parts[1], as: UTF8.self), radix: 16) else {
            return nil
        }
        let digits = String(decoding: parts[0], as: UTF8.self)
        func word(_ index: Int) -> UInt32? {
            UInt32(digits.dropFirst(index * 8).prefix(8), radix: 16)?.byteSwapped
        }
        if digits.utf8.count == 8 {
            return word(0).map { SocketAddress(address: IPAddress(version4: $0), port: port, isVersion6: false) }
        }
        guard digits.utf8.count == 32, let first = word(0), let second = word(1), let third = word(2),
            let last = word(3)
        else { return nil }
        let address = IPAddress(
            high: UInt64(first) << 32 | UInt64(second), low: UInt64(third) << 32 | UInt64(last))
        return SocketAddress(address: address, port: port, isVersion6: true)
    }
}

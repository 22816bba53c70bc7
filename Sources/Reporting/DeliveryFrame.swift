/// One message from the sensor to `nodeagent deliver`, over a SOCK_SEQPACKET pair: a datagram is a frame.
///
///     byte 0   version, 1
///     byte 1   kind: 1 alert (a JSON line), 2 end (the sensor stops; no more frames), 3 metrics (a `MetricsSnapshot`)
///     byte 2…  payload
package struct DeliveryFrame: Equatable, Sendable {
    package enum Kind: UInt8, Sendable {
        case alert = 1
        case end = 2
        case metrics = 3
    }

    package var kind: Kind
    package var payload: [UInt8]

    package static let version: UInt8 = 1
    /// Longer frames are not sent: an alert's output is cut long before.
    package static let limit = 128 * 1024

    package init(kind: Kind, payload: [UInt8] = []) {
        self.kind = kind
        self.payload = payload
    }

    package var bytes: [UInt8] { [Self.version, kind.rawValue] + payload }

    /// Nil for another version or an unknown kind.
    package init?(_ bytes: some Collection<UInt8>) {
        let header = Array(bytes.prefix(2))
        guard header.count == 2, header[0] == Self.version, let kind = Kind(rawValue: header[1]) else { return nil }
        self.kind = kind
        payload = Array(bytes.dropFirst(2))
    }
}

internal import EventModel

/// What a field has to say about an event.
package enum FieldValue: Sendable, Equatable {
    /// The event has no such thing, or nobody could tell: every comparison with it is false.
    case missing
    /// Not asked yet: the inventory has not been heard (first phase).
    case unknown
    case number(Int64)
    case boolean(Bool)
    /// Bytes of the event's text.
    case eventText(offset: Int, count: Int)
    case text(String)
    /// Several values; a comparison is true when it is for one of them.
    case texts([String])
}

extension FieldValue {
    init(_ value: Value, in store: ValueStore) {
        self =
            switch value {
            case .missing: .missing
            case .unknown: .unknown
            case .number(let number): .number(number)
            case .boolean(let boolean): .boolean(boolean)
            case .eventText(let offset, let count): .eventText(offset: offset, count: count)
            case .text(let offset, let count):
                .text(String(decoding: store.text[offset..<(offset + count)], as: UTF8.self))
            case .texts(let first, let count):
                .texts(
                    (first..<(first + count)).map {
                        String(decoding: store.text[store.range(ofText: $0)], as: UTF8.self)
                    })
            case .addresses(let first, let count):
                count == 1
                    ? .text(store.addresses[first].description)
                    : .texts((first..<(first + count)).map { store.addresses[$0].description })
            }
    }
}

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

private import CLinux

/// How much a collection is in the way of others.
package enum CollectionPriority {
    /// Gives the calling thread, and those it makes later, the idle class of I/O and the lowest CPU priority. Best effort: a
    /// collection without it is slower for others, not wrong.
    package static func lower() { _ = na_idle_priority() }
}

internal import Synchronization

/// The store that evaluation uses again and again. A rule set is evaluated by one thread; another at the same time gets a
/// new store.
final class ValueStorePool: Sendable {
    private let count: Int
    private let free: Mutex<ValueStore?>

    /// - Parameter count: how many operands the program has.
    init(count: Int) {
        self.count = count
        free = Mutex(ValueStore(count: count))
    }

    func take() -> ValueStore { free.withLock { $0.take() } ?? ValueStore(count: count) }

    func put(_ store: consuming ValueStore) {
        let store = store
        free.withLock { $0 = store }
    }
}

/// What is done to a container.
package enum ResponseAction: String, Sendable, Hashable, CaseIterable {
    case freeze, kill, release
}

package import ContainerInventory
package import EventModel

/// What is collected.
package enum CollectionTarget: Sendable {
    case container(Container, files: ContainerFiles)
    /// A process and its descendants, whether it is a container's or not.
    case process(ProcessKey)
    case host
}

/// How far a collection has got.
package struct CollectionProgress: Sendable, Equatable {
    package enum Stage: String, Sendable, CaseIterable {
        case processes, network, cgroups, runtime, layer, temporary, logs, host
    }
    package var stage: Stage
    /// Artifacts with a row up to now.
    package var artifacts: Int
}

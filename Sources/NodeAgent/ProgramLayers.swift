import ContainerInventory
import EventModel
import Evidence
import LinuxSystem
import SystemPackage

/// Whether the program that a container started came with its image or was put there since: it lies in the writable layer
/// then.
struct ProgramLayers {
    private struct Layer {
        /// Of the overlay that is the container's root.
        var device: DeviceNumber
        /// The host's directory of the writable layer.
        var upper: String
    }

    private let proc = ProcFilesystem()
    /// Nil for a container without a layer that can be believed.
    private var layers: [ContainerID: Layer?] = [:]

    /// Nil where it cannot be told.
    mutating func isUpper(_ event: KernelEvent, _ process: ProcessRecord?, in container: Container) -> Bool? {
        guard let path = event.string(event.executable), path.hasPrefix("/"), let layer = layer(of: container) else {
            return nil
        }
        // Of a script the record has the script's file, `exe` its interpreter.
        let device =
            process?.executablePath == path
            ? process?.executable?.device : event.string(event.name) == path ? event.object?.device : nil
        guard let device else { return nil }
        // On a volume or a tmpfs, which belong to neither.
        guard device == layer.device else { return false }
        return Self.holds(path, layer.upper)
    }

    /// Forgets containers that are gone.
    mutating func keep(_ living: [ContainerID]) {
        guard layers.count > living.count else { return }
        let living = Set(living)
        layers = layers.filter { living.contains($0.key) }
    }

    private static let deleted = " (deleted)"

    private static func holds(_ path: String, _ upper: String) -> Bool? {
        guard let root = try? ForeignRoot(directory: upper) else { return nil }
        let isDeleted = path.hasSuffix(deleted)
        let name = isDeleted ? String(path.dropLast(deleted.utf8.count)) : path
        do throws(SystemError) {
            let status = try root.object(at: name).status()
            // A deleted file of the image leaves a whiteout (docs/kernel-facts.md, E4); another file there says nothing.
            if isDeleted { return status.isWhiteout ? false : nil }
            return status.isRegular
        } catch {
            return error.errno == .noSuchFileOrDirectory ? isDeleted : nil
        }
    }

    private mutating func layer(of container: Container) -> Layer? {
        if let known = layers[container.id] { return known }
        guard let pid = container.initProcess?.pid else { return nil }
        let found = find(container, pid)
        layers[container.id] = .some(found)
        return found
    }

    private func find(_ container: Container, _ pid: Int32) -> Layer? {
        guard let root = try? FileStatus.of(proc.path(pid, "root")),
            case .overlay(let upper, _, _) = WritableLayer.find(
                rootfs: container.rootDirectory, hostMounts: (try? proc.mounts(1)) ?? [],
                containerMounts: (try? proc.mounts(pid)) ?? [])
        else { return nil }
        return Layer(device: root.file.device, upper: upper)
    }
}

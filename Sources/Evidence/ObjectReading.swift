private import CLinux
import LinuxSystem
private import Synchronization
private import SystemPackage

/// The job that asks an object of its file system and begins to read it, all in one: a small file costs one hand-over to
/// another thread. Any of its calls may hang; what was found out before that is not lost.
final class ObjectReading: Sendable {
    enum Wish: Sendable {
        /// Status, attributes and target alone.
        case facts
        /// The content as well, of a regular file.
        ///
        /// - Parameter tail: of a longer file only the last bytes.
        case content(limit: UInt64, tail: UInt64?, ofLinked: Bool)
    }

    struct State: Sendable {
        var nature = FilesystemNature.other
        var facts: ObjectFacts?
        var content: ContentReader?
        var error: SystemError?
    }

    private let state = Mutex(State())

    /// What is known up to now.
    var found: State { state.withLock { $0 } }

    /// - Parameter pieces: gets the first piece of the content.
    func run(_ object: SharedDescriptor, _ wish: Wish, _ pieces: PieceBuffer) {
        do throws(SystemError) {
            let nature = FilesystemNature(of: object.descriptor)
            let facts = try ObjectFacts.all(of: object.descriptor)
            state.withLock {
                $0.nature = nature
                $0.facts = facts
            }
            guard case .content(let limit, let tail, let ofLinked) = wish, facts.type == .file, nature != .kernel,
                ofLinked || facts.links <= 1
            else { return }
            let file = OwnedDescriptor(
                adopting: try checked(na_reopen_for_reading(object.descriptor.rawValue), "open"))
            let now = try ObjectFacts(file)
            guard now.type == .file, now.file == facts.file else {
                throw SystemError("open", errno: .staleNFSFileHandle)
            }
            let window = FileWindow(file, size: facts.size, limit: limit, tail: tail)
            var content = ContentReader(window: window, file: SharedDescriptor(file), isLocal: nature == .local)
            state.withLock { $0.content = content }
            content.begin(with: pieces)
            state.withLock { $0.content = content }
        } catch {
            state.withLock { $0.error = error }
        }
    }
}

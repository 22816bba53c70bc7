import CLinux
import Glibc
import LinuxSystem
import Synchronization

/// The sensor's way to other processes of this program. A small process, made before the sensor gives up its rights, starts
/// them: they begin with the rights of the start and give up what they do not need themselves, while the sensor's filter
/// has no call that starts a program. They are the sensor's own children all the same.
final class Spawner: Sendable {
    /// The commands that it starts; nothing else, whatever it is asked.
    private static let verbs = ["deliver", "collect"]

    private static let remembered = 64

    private struct State {
        var socket: OwnedSocket?
        /// It ended, or did not answer: nothing can be started any more.
        var isGone = false
        /// The command of each that was started, the last ones.
        var started: [(pid: pid_t, command: String)] = []
    }
    /// A descriptor that cannot be copied lies in no copyable type.
    private final class OwnedSocket: Sendable {
        let descriptor: OwnedDescriptor
        init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }
    }

    private let state: Mutex<State>
    private let pid: pid_t

    /// To be called while the calling thread is the only one, and lives as long as what is to be started.
    ///
    /// - Parameter executable: this program's path.
    init(executable: String) throws(SystemError) {
        var verbs = unsafe Self.verbs.map { unsafe UnsafePointer(strdup($0)) }
        unsafe verbs.append(nil)
        defer { unsafe verbs.forEach { unsafe free(UnsafeMutableRawPointer(mutating: $0)) } }
        var socket: CInt = -1
        pid = unsafe na_spawner_start(executable, &verbs, &socket)
        _ = try checked(pid, "fork")
        state = Mutex(State(socket: OwnedSocket(OwnedDescriptor(adopting: socket))))
    }

    /// Starts `nodeagent WORDS…` with this descriptor as its third. The child's pid, or nil.
    func start(_ words: [String], descriptor: CInt) -> pid_t? {
        var request: [UInt8] = []
        for word in ["nodeagent"] + words { request += Array(word.utf8) + [0] }
        return state.withLock { state in
            guard !state.isGone, let socket = state.socket else { return nil }
            let pid = unsafe request.withUnsafeBytes { bytes in
                unsafe na_spawner_request(socket.descriptor.rawValue, bytes.baseAddress, bytes.count, descriptor)
            }
            // After a missing answer the next one would be taken for it.
            if [-EPIPE, -ECONNRESET, -EAGAIN, -EPROTO].contains(pid) { state.isGone = true }
            guard pid > 0 else { return nil }
            if state.started.count == Self.remembered { state.started.removeFirst() }
            state.started.append((pid, words.first ?? ""))
            return pid
        }
    }

    /// What it started as that process, if that is our child still; `run` for this process itself.
    func command(of process: pid_t) -> String? {
        if process == getpid() { return "run" }
        guard let known = state.withLock({ $0.started.last { $0.pid == process }?.command }),
            (try? ProcFilesystem().stat(process).parentPID) == getpid()
        else { return nil }
        return known
    }

    /// Whether it can start anything. Called about once a second; false stays false.
    func check() -> Bool {
        state.withLock { state in
            var status: CInt = 0
            if !state.isGone, unsafe na_wait_exit(pid, &status) != 0 { state.isGone = true }
            return !state.isGone
        }
    }
}

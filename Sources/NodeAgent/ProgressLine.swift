import Evidence
import Glibc
import LinuxSystem

/// One line on a terminal that tells how far a collection is; nothing where standard error is no terminal.
final class ProgressLine {
    private let isShown: Bool
    private let started = monotonicNanoseconds()
    private var next: UInt64 = 0
    private var width = 0

    init(isQuiet: Bool) { isShown = !isQuiet && isatty(STDERR_FILENO) == 1 }

    /// Writes at most ten times a second.
    func show(_ progress: CollectionProgress) {
        let now = monotonicNanoseconds()
        guard isShown, now >= next else { return }
        next = now + 100_000_000
        let tenths = (now - started) / 100_000_000
        let line =
            "collecting \(progress.stage.rawValue): \(progress.artifacts) artifacts, \(tenths / 10).\(tenths % 10) s"
        writeError("\r" + line + String(repeating: " ", count: max(0, width - line.utf8.count)))
        width = line.utf8.count
    }

    /// Clears the line.
    func end() {
        guard isShown, width > 0 else { return }
        writeError("\r" + String(repeating: " ", count: width) + "\r")
        width = 0
    }

    /// `4.5 MiB`
    static func size(_ bytes: UInt64) -> String {
        var value = Double(bytes)
        var unit = "B"
        for next in ["KiB", "MiB", "GiB", "TiB"] where value >= 1024 {
            value /= 1024
            unit = next
        }
        if unit == "B" { return "\(bytes) B" }
        let tenths = UInt64((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10) \(unit)"
    }
}

import ContainerInventory
import EventModel

extension KernelEvent {
    /// The start of a program as the process connector and `/proc` tell it.
    ///
    /// - Parameter time: nanoseconds since the epoch.
    mutating func fill(exec facts: ProcessFacts, time: UInt64, received: UInt64) {
        source = .connector
        type = .execve
        self.time = time
        self.received = received
        pid = facts.key.pid
        parentPID = facts.parentPID
        uid = facts.uid
        result = 0
        comm = append(facts.comm)
        if !facts.executablePath.isEmpty { executable = append(facts.executablePath) }
        guard !facts.commandLine.isEmpty else { return }
        let start = textEnd
        for word in facts.commandLine {
            _ = append(word)
            appendByte(0)
        }
        commandLine = range(from: start)
    }
}

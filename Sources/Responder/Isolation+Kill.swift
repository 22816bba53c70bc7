package import EventModel
import LinuxSystem

extension Isolation {
    /// Ends every process of the container. One that somebody else froze is ended as well.
    package func kill(_ container: Container, origin: ActionOrigin, dryRun: Bool = false) -> ActionRecord {
        act(.kill, container.id, origin) { (record) throws(RefusalReason) in
            let scope = try examinedScope(.kill, container, origin)
            try limit(.kill, container, origin)
            if dryRun {
                charge(.kill, container, origin)
                return .wouldAct
            }
            var step = self.step(.kill, record, scope, origin, deadline: nil)
            try write(step)
            do throws(SystemError) {
                // There is no undoing it: the record is to survive even the machine.
                try journal.sync()
            } catch {
                close(step)
                throw .notRecorded("\(error)")
            }
            try verify(scope, step)
            record.started = realtimeNanoseconds()
            charge(.kill, container, origin)
            let protection = protection()
            do throws(SystemError) {
                let outcome = try scope.directory.kill(
                    members: { scope.members.find(until: monotonicNanoseconds() &+ ScopeMembers.patience) },
                    mayKill: { pid in
                        ScopeProcess(reading: pid, protection, proc: proc).map {
                            scope.reason($0, protection, proc: proc) == nil
                        } ?? false
                    })
                step.state = .done
                close(step)
                closeAll(container.id)
                switch outcome {
                case .empty(let nanoseconds):
                    record.nanoseconds = nanoseconds
                    return .done
                case .remaining(let pids):
                    guard let first = pids.first else { return .partial("whether all have ended cannot be told") }
                    return .partial("\(pids.count) processes have not ended yet, \(first) among them")
                }
            } catch {
                // It may have been stopped for the kill; a freeze that was there before stays.
                if frozen[container.id] == nil { settle(step, scope.directory) } else { close(step) }
                return .failed(Self.advice(error))
            }
        }
    }
}

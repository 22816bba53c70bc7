package import EventModel
import LinuxSystem

extension Isolation {
    /// - Parameters:
    ///   - ttl: nanoseconds after which `releaseExpired` lets it go on; nil: never by itself.
    ///   - dryRun: everything is checked and counted, nothing is touched.
    package func freeze(
        _ container: Container, ttl: UInt64?, origin: ActionOrigin, dryRun: Bool = false
    ) -> ActionRecord {
        act(.freeze, container.id, origin) { (record) throws(RefusalReason) in
            if let held = frozen[container.id] {
                if isStillFrozen(held) { return .unchanged("it is already frozen by nodeagent") }
                closeAll(container.id)
            }
            let scope = try examinedScope(.freeze, container, origin)
            if scope.isFrozen(container, tree: tree, proc: proc) {
                return .unchanged("it is frozen already, by somebody else")
            }
            try limit(.freeze, container, origin)
            if dryRun {
                charge(.freeze, container, origin)
                return .wouldAct
            }
            // What can hang comes before the record: when it fails, nothing has been asked of the kernel.
            do throws(SystemError) {
                try scope.directory.prepareToFreeze()
            } catch {
                return .failed(Self.advice(error))
            }
            let deadline = ttl.map { Self.sum(monotonicNanoseconds(), $0) }
            var step = self.step(.freeze, record, scope, origin, deadline: deadline)
            try write(step)
            try verify(scope, step)
            charge(.freeze, container, origin)
            record.started = realtimeNanoseconds()
            let outcome: ActionOutcome
            do throws(SystemError) {
                switch try scope.directory.freeze() {
                case .frozen(let nanoseconds):
                    step.state = .done
                    record.nanoseconds = nanoseconds
                    outcome = .done
                case .partial(let reason):
                    step.state = .partial
                    outcome = .partial(reason)
                }
            } catch {
                settle(step, scope.directory)
                return .failed(Self.advice(error))
            }
            frozen[container.id] = step
            // The intent stands in the journal: what fails here costs nothing but the result's name.
            try? journal.append(step)
            try? journal.sync()
            record.outside = Array(scope.outside(host: host, proc: proc).prefix(64))
            if outcome == .done, !record.outside.isEmpty {
                return .partial("\(record.outside.count) of its processes live outside its cgroup and go on")
            }
            return outcome
        }
    }
}

import Glibc

// Prints each figure beside its limit; 1 when one is beyond it. What needs a live kernel is measured by
// Tests/Kernel/bench.py; `make bench` runs both.
var isWithin = true
for figure in AuditBench.run() + DetectionBench.run() {
    let holds = figure.value <= figure.limit
    let limit = figure.limit == .infinity ? "" : "  limit \(figure.limit) \(figure.unit)"
    let value = (figure.value * 100).rounded() / 100
    print("\(holds ? "ok  " : "FAIL") \(figure.name): \(value) \(figure.unit)\(limit)")
    if !holds { isWithin = false }
}
exit(isWithin ? 0 : 1)

import Glibc

// `Bench log FILE` prints how many events a log has. Without arguments: each figure beside its limit; 1 when one is beyond it.
// What needs a live kernel or other programs is measured by scripts of their own; `make bench` runs all.
if CommandLine.arguments.count == 3, CommandLine.arguments[1] == "log" {
    guard let events = LogBench.run(CommandLine.arguments[2]) else { exit(1) }
    print(events)
    exit(0)
}
var isWithin = true
for figure in AuditBench.run() + DetectionBench.run() + RuleBench.run() {
    let holds = figure.value <= figure.limit
    let limit = figure.limit == .infinity ? "" : "  limit \(figure.limit) \(figure.unit)"
    let value = (figure.value * 100).rounded() / 100
    print("\(holds ? "ok  " : "FAIL") \(figure.name): \(value) \(figure.unit)\(limit)")
    if !holds { isWithin = false }
}
exit(isWithin ? 0 : 1)

/// How a snapshot lies in a frame. Numbers are little endian; a text is two bytes of length and UTF-8.
///
///     byte 0      version, 1
///     8 bytes     time
///     4 bytes     samples left out
///     1 byte      number of obstacles, and each as a text
///     then, until the end, a run of samples of one family:
///       text      the family's name
///       2 bytes   number of samples, and each as
///         texts   the values of its labels
///         8 bytes the number, a Double's bits; for a histogram the sum, and then 8 bytes for each bucket
///
/// Families go by name, so that a deliverer of another version than the sensor takes no figure for another.
extension MetricsSnapshot {
    package static let version: UInt8 = 1

    /// - Parameter limit: bytes. Samples that do not fit are counted in `leftOut`; whoever adds the samples puts those
    ///   that can be missed last.
    package func bytes(limit: Int) -> [UInt8] {
        var writer = Writer()
        writer.bytes.append(Self.version)
        writer.number(time)
        let leftOutOffset = writer.bytes.count
        writer.number(leftOut)
        let obstacles = obstacles.prefix(16)
        writer.bytes.append(UInt8(obstacles.count))
        for obstacle in obstacles { writer.text(obstacle, limit: 256) }

        var kept = 0
        var index = 0
        while index < samples.count {
            let family = samples[index].family
            var run = Writer()
            run.text(family.rawValue)
            let countOffset = run.bytes.count
            run.number(UInt16(0))
            var count: UInt16 = 0
            while index < samples.count, samples[index].family == family, count < .max {
                var sample = Writer()
                sample.sample(samples[index])
                guard writer.bytes.count + run.bytes.count + sample.bytes.count <= limit else { break }
                run.bytes += sample.bytes
                count += 1
                index += 1
            }
            guard count > 0 else { break }
            run.replace(count, at: countOffset)
            writer.bytes += run.bytes
            kept += Int(count)
        }
        writer.replace(leftOut &+ UInt32(truncatingIfNeeded: samples.count - kept), at: leftOutOffset)
        return writer.bytes
    }

    /// Nil for what is no snapshot of this version: cut short, a family that is not known, a sample of the wrong shape.
    package init?(_ bytes: some Collection<UInt8>) {
        var reader = Reader(rest: Array(bytes)[...])
        guard reader.byte() == Self.version, let time = reader.number(UInt64.self),
            let leftOut = reader.number(UInt32.self), let obstacleCount = reader.byte()
        else { return nil }
        self.init(time: time)
        self.leftOut = leftOut
        for _ in 0..<obstacleCount {
            guard let obstacle = reader.text() else { return nil }
            obstacles.append(obstacle)
        }
        while !reader.rest.isEmpty {
            guard let family = reader.text().flatMap(MetricFamily.init(rawValue:)),
                let count = reader.number(UInt16.self)
            else { return nil }
            let labelCount = family.labels.count
            let bucketCount = family.kind == .histogram ? family.bounds.count + 1 : 0
            for _ in 0..<count {
                guard let sample = reader.sample(of: family, labels: labelCount, buckets: bucketCount) else {
                    return nil
                }
                append(sample)
            }
        }
    }

    private struct Writer {
        var bytes: [UInt8] = []

        mutating func number(_ value: some FixedWidthInteger & UnsignedInteger) {
            for shift in stride(from: 0, to: value.bitWidth, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: value >> shift))
            }
        }

        mutating func replace(_ value: some FixedWidthInteger & UnsignedInteger, at offset: Int) {
            for index in 0..<value.bitWidth / 8 {
                bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * index))
            }
        }

        /// A text that is cut may end within a character; the reader mends that.
        mutating func text(_ text: String, limit: Int = 1024) {
            let utf8 = text.utf8.prefix(limit)
            number(UInt16(utf8.count))
            bytes.append(contentsOf: utf8)
        }

        mutating func sample(_ sample: MetricsSnapshot.Sample) {
            for label in sample.labels { text(label) }
            switch sample.value {
            case .number(let value):
                number(value.bitPattern)
            case .histogram(let histogram):
                number(histogram.sum.bitPattern)
                for count in histogram.counts { number(count) }
            }
        }
    }

    private struct Reader {
        var rest: ArraySlice<UInt8>

        mutating func byte() -> UInt8? { rest.popFirst() }

        mutating func number<T: FixedWidthInteger & UnsignedInteger>(_: T.Type) -> T? {
            let size = T.bitWidth / 8
            guard rest.count >= size else { return nil }
            var value: T = 0
            for byte in rest.prefix(size).reversed() { value = value << 8 | T(byte) }
            rest = rest.dropFirst(size)
            return value
        }

        mutating func text() -> String? {
            guard let count = number(UInt16.self).map(Int.init), rest.count >= count else { return nil }
            defer { rest = rest.dropFirst(count) }
            return String(decoding: rest.prefix(count), as: UTF8.self)
        }

        mutating func sample(of family: MetricFamily, labels: Int, buckets: Int) -> MetricsSnapshot.Sample? {
            var values: [String] = []
            for _ in 0..<labels {
                guard let value = text() else { return nil }
                values.append(value)
            }
            guard let number = number(UInt64.self).map(Double.init(bitPattern:)) else { return nil }
            guard buckets > 0 else { return MetricsSnapshot.Sample(family, .number(number), labels: values) }
            var counts: [UInt64] = []
            for _ in 0..<buckets {
                guard let count = self.number(UInt64.self) else { return nil }
                counts.append(count)
            }
            return MetricsSnapshot.Sample(
                family, .histogram(MetricsSnapshot.Histogram(counts: counts, sum: number)), labels: values)
        }
    }
}

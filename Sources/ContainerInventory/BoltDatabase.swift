private import Glibc
package import LinuxSystem

/// Reads values out of a bbolt file, the format of containerd's and podman's databases, while its owner goes on writing.
/// Format: bbolt 1.3 and 1.4 (`internal/common/{meta,page,bucket,inode}.go`, `node.go`), version 2. Integers have the byte
/// order of the machine that wrote them; every machine that Swift runs on is little-endian. Blocking.
///
/// bbolt's own readers take a shared flock; containerd waits for it when it starts. Here no lock is taken. What keeps a
/// value right is the order in which bbolt writes. A transaction S+1 writes only to pages that the snapshot S does not
/// use, and then its meta page. The pages that it gave up are free when the next one begins, and S+2 overwrites them
/// long before its own meta page shows that it exists. So a value is of the snapshot S only if S is still the newest
/// after its last page was read; one newer transaction is one too many.
package struct BoltDatabase: ~Copyable, Sendable {
    private let file: OwnedDescriptor

    /// Lookups that are tried again because the database changed meanwhile.
    private static let repeatLimit = 3
    /// Pages of one lookup: five buckets, each three levels deep, are 15. Ends a cycle as well.
    private static let pageLimit = 64
    /// Bytes of one page with its overflow pages.
    private static let pageSizeLimit = 1 << 20

    /// - Throws: open's errno, ELOOP for a symbolic link.
    package init(path: String) throws(SystemError) {
        // Non-blocking for a FIFO's sake: on a regular file it means nothing.
        file = try OwnedDescriptor(opening: path, flags: O_RDONLY | O_NONBLOCK | O_NOFOLLOW)
    }

    /// The value of a key: the names of the buckets from the root on, then the key. Nil where there is none, where a bucket
    /// has that name, and where the file is damaged or does not stand still long enough.
    package func value(_ path: [String]) -> [UInt8]? {
        guard var snapshot = newestSnapshot() else { return nil }
        for _ in 0...Self.repeatLimit {
            let found = value(path, in: snapshot)
            guard let newest = newestSnapshot() else { return nil }
            if newest == snapshot { return found }
            snapshot = newest
        }
        return nil
    }

    /// The valid meta page of the highest transaction. A page that is just being written fails its checksum, and the
    /// other one, of the transaction before, stands.
    func newestSnapshot() -> Meta? {
        guard let first = meta(at: 0) else {
            // Where the second one lies is told by the page size, and that by either one.
            for size in Meta.pageSizes {
                if let second = meta(at: size) { return second }
            }
            return nil
        }
        guard let second = meta(at: first.pageSize), second.transaction > first.transaction else { return first }
        return second
    }

    private func meta(at offset: Int) -> Meta? {
        guard let bytes = try? file.readBytes(Meta.size, at: Int64(offset)), let meta = Meta(bytes) else { return nil }
        return offset == 0 || offset == meta.pageSize ? meta : nil
    }

    /// The value as `snapshot` has it, provided that its pages are still what they were.
    func value(_ path: [String], in snapshot: Meta) -> [UInt8]? {
        var bucket = Bucket.page(snapshot.root)
        var pagesLeft = Self.pageLimit
        for (depth, name) in path.enumerated() {
            let key = Array(name.utf8)
            guard let leaf = leaf(for: key, of: bucket, snapshot, &pagesLeft), let element = leaf.element(key) else {
                return nil
            }
            let value = leaf.bytes[element.value]
            if depth == path.count - 1 { return element.isBucket ? nil : Array(value) }
            guard element.isBucket, let inner = Bucket(value) else { return nil }
            bucket = inner
        }
        return nil
    }

    /// The leaf of a bucket that holds `key` if any does.
    private func leaf(for key: [UInt8], of bucket: Bucket, _ snapshot: Meta, _ pagesLeft: inout Int) -> Page? {
        var number: UInt64
        switch bucket {
        case .inline(let bytes):
            guard let page = Page(bytes, number: 0), page.isLeaf else { return nil }
            return page
        case .page(let root): number = root
        }
        // The keys that the branch pages above allow.
        var lower: ArraySlice<UInt8>?
        var upper: ArraySlice<UInt8>?
        while pagesLeft > 0 {
            pagesLeft -= 1
            guard let page = page(number, snapshot), page.isBetween(lower, upper) else { return nil }
            if page.isLeaf { return page }
            guard let index = page.branch(toward: key) else { return nil }
            lower = page.bytes[page.elements[index].key]
            if index + 1 < page.elements.count { upper = page.bytes[page.elements[index + 1].key] }
            number = page.elements[index].child
        }
        return nil
    }

    /// A page with its overflow pages, nil unless it lies in the file and its header and elements are right.
    private func page(_ number: UInt64, _ snapshot: Meta) -> Page? {
        // Below the high-water mark, the product fits: see Meta.
        guard number >= 2, number < snapshot.pageCount else { return nil }
        let offset = Int64(number) * Int64(snapshot.pageSize)
        guard var bytes = try? file.readBytes(snapshot.pageSize, at: offset), bytes.count == snapshot.pageSize else {
            return nil
        }
        let overflow = Page.overflow(bytes)
        guard UInt64(overflow) < snapshot.pageCount - number else { return nil }
        if overflow > 0 {
            let size = (overflow + 1) * snapshot.pageSize
            guard size <= Self.pageSizeLimit, let all = try? file.readBytes(size, at: offset), all.count == size else {
                return nil
            }
            bytes = all
        }
        return Page(bytes[...], number: number)
    }
}

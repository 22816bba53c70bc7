internal import EventModel

/// What a descriptor leads to, and the two ends of a socket.
extension FieldExtraction {
    /// - Parameter attribution: nil in the first phase, when the descriptor was not looked at yet.
    static func descriptor(
        _ field: FieldID, _ event: KernelEvent, _ attribution: Attribution?, into store: inout ValueStore
    ) -> Value {
        switch field {
        case .fdType: return kind(event, attribution, event.descriptor.name, file: "file", into: &store)
        case .fdTypechar: return kind(event, attribution, event.descriptor.letter, file: "f", into: &store)
        case .fdL4proto:
            if let name = event.transport.name { return store.value(name) }
            return attribution == nil && isOpenEnded(event) ? .unknown : .missing
        case .fdSockfamily: return store.value(family(event))
        case .fdIP, .fdNet: return store.value(event.remote?.address, or: event.local?.address)
        case .fdRip, .fdRnet: return store.value(event.remote?.address)
        case .fdLip, .fdLnet: return local(event, attribution) { store.value($0.address) }
        case .fdSip, .fdSnet: return store.value(server(event)?.address)
        case .fdCip, .fdCnet: return store.value(client(event)?.address)
        case .fdRport: return port(event.remote)
        case .fdLport: return local(event, attribution) { port($0) }
        case .fdSport, .fdPort: return port(server(event) ?? event.remote)
        case .fdCport: return port(client(event))
        case .fdIsServer: return event.type.isNetwork ? .boolean(isServer(event)) : .missing
        case .fdConnected: return connected(event)
        case .fdNameChanged:
            return event.type.isNetwork ? .boolean(event.remote != nil || event.name.isPresent) : .missing
        default: return .missing
        }
    }

    /// `fd.name`: a path, or the ends that are known, `10.0.0.1:4711->10.0.0.2:80`.
    static func name(_ event: KernelEvent, into store: inout ValueStore) -> Value {
        guard event.remote != nil || event.local != nil else { return text(event.name) }
        let start = store.text.count
        if isServer(event) {
            append(event.remote, to: &store)
            if event.remote != nil, event.local != nil { store.append("->") }
            append(event.local, to: &store)
        } else {
            append(event.local, to: &store)
            if event.remote != nil, event.type != .bind { store.append("->") }
            append(event.remote, to: &store)
        }
        return store.value(from: start)
    }

    private static func append(_ end: SocketAddress?, to store: inout ValueStore) {
        guard let end else { return }
        if end.address.isVersion4 {
            var shift: UInt64 = 32
            while shift > 0 {
                shift -= 8
                if shift < 24 { store.append(UInt8(ascii: ".")) }
                store.appendDecimal(end.address.low >> shift & 0xFF)
            }
        } else {
            store.append(end.address.description)
        }
        store.append(UInt8(ascii: ":"))
        store.appendDecimal(UInt64(end.port))
    }

    private static func kind(
        _ event: KernelEvent, _ attribution: Attribution?, _ name: String?, file: String, into store: inout ValueStore
    ) -> Value {
        if isAboutFile(event) {
            return store.value(event.object?.kind == 0o040000 && file == "file" ? "directory" : file)
        }
        if event.descriptor == .unknown, attribution == nil, event.type.isDuplication { return .unknown }
        return store.value(name)
    }

    /// A socket whose protocol and local end somebody may still look up.
    private static func isOpenEnded(_ event: KernelEvent) -> Bool {
        event.type.isDuplication || event.remote != nil || event.type == .listen
    }

    private static func local(_ event: KernelEvent, _ attribution: Attribution?, _ value: (SocketAddress) -> Value)
        -> Value
    {
        if let local = event.local { return value(local) }
        return attribution == nil && isOpenEnded(event) ? .unknown : .missing
    }

    private static func family(_ event: KernelEvent) -> String? {
        switch event.descriptor {
        case .ipv4, .ipv6: "ip"
        case .unix: "unix"
        default: nil
        }
    }

    private static func isServer(_ event: KernelEvent) -> Bool {
        switch event.type {
        case .accept, .accept4, .listen, .bind: true
        default: false
        }
    }

    private static func server(_ event: KernelEvent) -> SocketAddress? { isServer(event) ? event.local : event.remote }
    private static func client(_ event: KernelEvent) -> SocketAddress? { isServer(event) ? event.remote : event.local }
    private static func port(_ end: SocketAddress?) -> Value { end.map { .number(Int64($0.port)) } ?? .missing }

    private static func connected(_ event: KernelEvent) -> Value {
        switch event.type {
        case .connect: .boolean((event.result ?? -1) >= 0)
        case .accept, .accept4: .boolean((event.result ?? -1) >= 0)
        case .socket, .bind, .listen: .boolean(false)
        // A message with an address of its own goes out of a socket without a peer.
        case .sendto, .sendmsg: event.remote != nil ? .boolean(false) : .missing
        default: .missing
        }
    }

    /// The only name that is known of an address: the API server's, where it is the one that the container's runtime was
    /// told for it.
    static func serverName(_ event: KernelEvent, _ attribution: Attribution, into store: inout ValueStore) -> Value {
        guard let address = event.remote?.address, address == attribution.container?.kubernetesService else {
            return .missing
        }
        return store.value("kubernetes.default.svc.cluster.local")
    }
}

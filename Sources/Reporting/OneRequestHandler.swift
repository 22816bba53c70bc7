import NIOCore
import NIOHTTPTypes
private import Synchronization

/// Ends a connection after its first response, and in any case after its lifetime: a peer that sends its request byte by
/// byte, or does not read the answer, holds nothing for long.
final class OneRequestHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private let lifetime: TimeAmount
    private let connections: OpenConnections
    private var deadline: Scheduled<Void>?

    init(lifetime: TimeAmount, connections: OpenConnections) {
        self.lifetime = lifetime
        self.connections = connections
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        connections.opened(channel)
        deadline = context.eventLoop.scheduleTask(in: lifetime) { channel.close(promise: nil) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        deadline?.cancel()
        connections.closed(context.channel)
        context.fireChannelInactive()
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard case .end = unwrapOutboundIn(data) else {
            context.write(data, promise: promise)
            return
        }
        context.writeAndFlush(data, promise: promise)
        // Only our half: to close the whole with bytes of the peer unread would reset the connection under the response.
        context.close(mode: .output, promise: nil)
    }
}

@available(*, unavailable)
extension OneRequestHandler: Sendable {}

/// The connections there are, oldest first.
final class OpenConnections: Sendable {
    private let limit: Int
    private let channels = Mutex<[any Channel]>([])

    init(limit: Int) { self.limit = limit }

    /// One beyond the limit ends the oldest.
    func opened(_ channel: any Channel) {
        let oldest = channels.withLock { channels in
            channels.append(channel)
            return channels.count > limit ? channels.removeFirst() : nil
        }
        oldest?.close(promise: nil)
    }

    func closed(_ channel: any Channel) {
        channels.withLock { $0.removeAll { $0 === channel } }
    }
}

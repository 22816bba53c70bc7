private import Glibc
private import HTTPTypes
private import Hummingbird
private import HummingbirdCore
private import Logging
private import NIOCore
private import NIOPosix

/// Serves a `MetricsEndpoint` by HTTP/1.1, on one event loop.
///
/// A connection has one request, five seconds and 16 KiB of header. There are at most 32 at a time, and one more ends the
/// oldest of them: a scrape takes milliseconds, so that whoever holds connections open loses his own.
package struct MetricsServer: Sendable {
    /// What the server tells, on a thread of its own choice.
    package enum Report: Equatable, Sendable {
        case listening(port: Int)
        /// It does not listen, and why; it is tried again.
        case failed(String)
    }

    private let address: String
    private let port: Int
    private let answer: @Sendable (_ method: String, _ path: String) -> MetricsEndpoint.Answer
    private let report: @Sendable (Report) -> Void

    private static let lifetime = TimeAmount.seconds(5)
    private static let connectionLimit = 32
    private static let retryInterval = Duration.seconds(10)

    /// - Parameters:
    ///   - address: IPv4 or IPv6, without brackets.
    ///   - port: 0 takes a free one; the report says which.
    package init(
        address: String, port: Int, answer: @escaping @Sendable (String, String) -> MetricsEndpoint.Answer,
        report: @escaping @Sendable (Report) -> Void
    ) {
        self.address = address
        self.port = port
        self.answer = answer
        self.report = report
    }

    /// Serves for ever. A port that another program has is tried again every ten seconds; that it is so is told once.
    package func run() async {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        var told: String?
        while !Task.isCancelled {
            let failure = await serve(on: group)
            if failure != told { report(.failed(failure)) }
            told = failure
            try? await Task.sleep(for: Self.retryInterval)
        }
    }

    /// Returns when the server does not, or no longer, listen, with the reason.
    private func serve(on group: MultiThreadedEventLoopGroup) async -> String {
        let answer = answer
        let report = report
        let connections = OpenConnections(limit: Self.connectionLimit)
        let application = Application(
            responder: CallbackResponder<BasicRequestContext> { request, _ in Self.response(request, answer) },
            server: .http1(
                configuration: HTTP1Channel.Configuration(
                    additionalChannelHandlers: [
                        OneRequestHandler(lifetime: Self.lifetime, connections: connections)
                    ],
                    httpDecoderConfiguration: HTTP1Channel.Configuration.DecoderConfiguration(
                        maxHeaderFieldSize: 8 * 1024, maxHeaderListSize: 16 * 1024, maxHeaderFieldCount: 64))),
            configuration: ApplicationConfiguration(address: .hostname(address, port: port), backlog: 128),
            onServerRunning: { channel in report(.listening(port: channel.localAddress?.port ?? 0)) },
            eventLoopGroupProvider: .shared(group),
            logger: Logger(label: "nodeagent.metrics") { _ in SwiftLogNoOpLogHandler() })
        do {
            try await application.run()
            return "the server has ended"
        } catch let error as IOError {
            return Self.text(error)
        } catch {
            return "\(error)"
        }
    }

    private static func response(
        _ request: Request, _ answer: (String, String) -> MetricsEndpoint.Answer
    ) -> Response {
        let answer = answer(request.method.rawValue, request.uri.path)
        var headers = HTTPFields()
        headers[.contentType] = answer.contentType
        headers[.contentLength] = String(answer.body.count)
        headers[.connection] = "close"
        headers[.cacheControl] = "no-store"
        if answer.status == 405 { headers[.allow] = "GET, HEAD" }
        let body = request.method == .head ? ResponseBody() : ResponseBody(byteBuffer: ByteBuffer(bytes: answer.body))
        return Response(status: HTTPResponse.Status(code: answer.status), headers: headers, body: body)
    }

    /// NIO's own text names the call and its arguments; a person wants the reason.
    private static func text(_ error: IOError) -> String {
        guard let reason = unsafe strerror(error.errnoCode) else { return "errno \(error.errnoCode)" }
        return unsafe String(cString: reason)
    }
}

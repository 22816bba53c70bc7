// swift-tools-version: 6.2
import PackageDescription

/// Settings of every Swift target: one language mode, one strictness (see docs/swift.md).
let swift: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableExperimentalFeature("Lifetimes"),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
]

/// The Swift standard library and Foundation's parts are linked into the program, so that it runs on a machine without
/// Swift. Said here and not on the command line, so that the one release build serves the program and the tests alike.
let linkedStatically: [LinkerSetting] = [
    .unsafeFlags(
        ["-static-stdlib", "-lCoreFoundation", "-l_FoundationICU", "-l_FoundationCShims", "-l_FoundationCollections"],
        .when(configuration: .release)
    )
]

let package = Package(
    name: "nodeagent",
    products: [
        .executable(name: "nodeagent", targets: ["NodeAgent"])
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types", exact: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", exact: "1.35.2"),
        .package(url: "https://github.com/apple/swift-system", exact: "1.8.1"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1", traits: []),
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
    ],
    targets: [
        // The modules, in the order of the table in docs/architecture.md: imports go up this list, never down.
        .target(name: "EventModel", swiftSettings: swift),
        .target(name: "CAudit", linkerSettings: [.linkedLibrary("audit")]),
        .target(name: "CLinux"),
        .systemLibrary(name: "CCap", pkgConfig: "libcap", providers: [.apt(["libcap-dev"])]),
        .systemLibrary(name: "CSeccomp", pkgConfig: "libseccomp", providers: [.apt(["libseccomp-dev"])]),
        .systemLibrary(name: "CArchive", pkgConfig: "libarchive", providers: [.apt(["libarchive-dev"])]),
        .target(
            name: "LinuxSystem",
            dependencies: ["EventModel", "CLinux", .product(name: "SystemPackage", package: "swift-system")],
            swiftSettings: swift
        ),
        .target(
            name: "KernelEvents",
            dependencies: [
                "EventModel", "LinuxSystem", "CAudit", "CLinux",
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: swift
        ),
        .target(
            name: "ContainerInventory",
            dependencies: [
                "EventModel", "LinuxSystem",
                .product(name: "DequeModule", package: "swift-collections"),
            ],
            swiftSettings: swift
        ),
        .target(
            name: "Detection",
            dependencies: ["EventModel", .product(name: "Yams", package: "Yams")],
            swiftSettings: swift
        ),
        .target(
            name: "Evidence",
            dependencies: [
                "EventModel", "LinuxSystem", "ContainerInventory", "CArchive", "CLinux",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: swift
        ),
        .target(
            name: "Responder",
            dependencies: [
                "EventModel", "LinuxSystem", "ContainerInventory", "CLinux",
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: swift
        ),
        .target(
            name: "Reporting",
            dependencies: [
                "EventModel",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: swift
        ),
        .executableTarget(
            name: "NodeAgent",
            dependencies: [
                "EventModel", "LinuxSystem", "KernelEvents", "ContainerInventory", "Detection", "Evidence", "Responder",
                "Reporting", "CLinux", "CCap", "CSeccomp",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "SystemPackage", package: "swift-system"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "Yams", package: "Yams"),
            ],
            swiftSettings: swift,
            linkerSettings: linkedStatically + [
                .unsafeFlags(["-Xlinker", "-z", "-Xlinker", "relro", "-Xlinker", "-z", "-Xlinker", "now"])
            ]
        ),
        // Measures, and fails beyond its limits (make bench). CParse is the C loop that the parser is compared with.
        .target(name: "CParse", path: "Benchmarks/CParse", cSettings: [.unsafeFlags(["-O2"])]),
        .executableTarget(
            name: "Bench",
            dependencies: ["CParse", "EventModel", "KernelEvents", "Detection"],
            path: "Benchmarks/Bench",
            swiftSettings: swift
        ),
        // Tests/<Target>Tests mirrors Sources/<Target>. Tests/Kernel holds the live acts; see CONTRIBUTING.md.
        .testTarget(name: "EventModelTests", dependencies: ["EventModel"], swiftSettings: swift),
        .testTarget(name: "LinuxSystemTests", dependencies: ["EventModel", "LinuxSystem"], swiftSettings: swift),
        .testTarget(
            name: "KernelEventsTests", dependencies: ["EventModel", "CAudit", "CLinux", "LinuxSystem", "KernelEvents"],
            swiftSettings: swift),
        .testTarget(
            name: "ContainerInventoryTests", dependencies: ["EventModel", "LinuxSystem", "ContainerInventory"],
            exclude: ["Fixtures"], swiftSettings: swift),
        .testTarget(name: "DetectionTests", dependencies: ["EventModel", "Detection"], swiftSettings: swift),
        .testTarget(
            name: "EvidenceTests",
            dependencies: [
                "EventModel", "LinuxSystem", "ContainerInventory", "CLinux", "Evidence",
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: swift),
        .testTarget(
            name: "ResponderTests",
            dependencies: [
                "EventModel", "LinuxSystem", "ContainerInventory", "Responder",
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: swift),
        .testTarget(
            name: "ReportingTests", dependencies: ["EventModel", "Reporting"], exclude: ["Fixtures"],
            swiftSettings: swift),
        // Runs the built program: no target of it is linked in.
        .testTarget(name: "NodeAgentTests", dependencies: ["CLinux", "LinuxSystem"], swiftSettings: swift),
    ]
)

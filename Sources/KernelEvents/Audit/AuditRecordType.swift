/// The numbers of audit record types (linux/audit.h, and audit-userspace's list for what user space writes) and their names.
package enum AuditRecordType {
    package static let user: UInt16 = 1005
    package static let syscall: UInt16 = 1300
    package static let path: UInt16 = 1302
    package static let configChange: UInt16 = 1305
    package static let socketAddress: UInt16 = 1306
    package static let cwd: UInt16 = 1307
    package static let execve: UInt16 = 1309
    package static let endOfEvent: UInt16 = 1320
    package static let netfilterPacket: UInt16 = 1324
    package static let seccomp: UInt16 = 1326
    package static let proctitle: UInt16 = 1327
    package static let replace: UInt16 = 1329
    package static let uringOperation: UInt16 = 1336
    package static let openat2: UInt16 = 1337
    package static let abnormalEnd: UInt16 = 1701
    package static let kernel: UInt16 = 2000

    /// Records whose words a process chooses: everything that the kernel takes from a sender with CAP_AUDIT_WRITE, which
    /// Docker gives to each container.
    package static func isUserRange(_ type: UInt16) -> Bool {
        (1100...1199).contains(type) || (2100...2999).contains(type) || type == user
    }

    /// Records that are an event by themselves: auditd's own, and those that the kernel starts without a task's context.
    static func isAlone(_ type: UInt16) -> Bool {
        (1200...1299).contains(type) || type == netfilterPacket || type == abnormalEnd || type == kernel
    }

    /// Records that only come with a SYSCALL or URINGOP record; without one, that one was lost.
    static func accompaniesCall(_ type: UInt16) -> Bool {
        switch type {
        case path, cwd, execve, proctitle, openat2, 1303, 1304, 1306, 1311...1315, 1317, 1318, 1321...1323: true
        default: false
        }
    }

    /// Records without which nothing can be decided; the others may not fill an event's storage (see AuditAssembler).
    static func isEssential(_ type: UInt16) -> Bool {
        switch type {
        case syscall, path, cwd, proctitle, uringOperation, openat2: true
        default: false
        }
    }

    /// The name in a log line's `type=`; nil for a number that has none (auditd writes `UNKNOWN[1420]`).
    package static func name(of type: UInt16) -> String? {
        var low = 0
        var high = names.count
        while low < high {
            let middle = (low + high) / 2
            if names[middle].type == type { return names[middle].name }
            if names[middle].type < type { low = middle + 1 } else { high = middle }
        }
        return nil
    }

    /// The number of a name as a log line has it, `UNKNOWN[1420]` and, as the kernel's own log has it, `1420` included.
    package static func number(of name: Span<UInt8>) -> UInt16? {
        if name.count > 0, name[0] &- UInt8(ascii: "0") <= 9 {
            return AuditNumber.decimal(name).flatMap { UInt16(exactly: $0) }
        }
        if name.count > 9, name[name.count - 1] == UInt8(ascii: "]"), isPrefix("UNKNOWN[", of: name) {
            let digits = name.extracting(8..<(name.count - 1))
            return AuditNumber.decimal(digits).flatMap { UInt16(exactly: $0) }
        }
        guard let candidates = byFirstBytes[firstBytes(of: name)] else { return nil }
        for index in candidates where names[Int(index)].name.utf8.count == name.count {
            if isPrefix(names[Int(index)].name, of: name) { return names[Int(index)].type }
        }
        return nil
    }

    private static func isPrefix(_ text: String, of bytes: Span<UInt8>) -> Bool {
        guard text.utf8.count <= bytes.count else { return false }
        var index = 0
        for byte in text.utf8 {
            if bytes[index] != byte { return false }
            index += 1
        }
        return true
    }

    /// Length, first and last byte: spreads the names well enough that a look-up compares two or three.
    private static func firstBytes(of name: Span<UInt8>) -> UInt32 {
        guard name.count > 0 else { return 0 }
        return UInt32(truncatingIfNeeded: name.count) << 16 | UInt32(name[0]) << 8 | UInt32(name[name.count - 1])
    }

    private static let byFirstBytes: [UInt32: [UInt8]] = {
        var table: [UInt32: [UInt8]] = [:]
        for (index, entry) in names.enumerated() {
            let bytes = Array(entry.name.utf8)
            table[firstBytes(of: bytes.span), default: []].append(UInt8(index))
        }
        return table
    }()

    /// Ordered by number. Ubuntu's kernels used 1420 for a record of their own: nothing may hang on that number alone.
    package static let names: [(type: UInt16, name: String)] = [
        (1005, "USER"), (1006, "LOGIN"), (1100, "USER_AUTH"), (1101, "USER_ACCT"), (1102, "USER_MGMT"),
        (1103, "CRED_ACQ"), (1104, "CRED_DISP"), (1105, "USER_START"), (1106, "USER_END"), (1107, "USER_AVC"),
        (1108, "USER_CHAUTHTOK"), (1109, "USER_ERR"), (1110, "CRED_REFR"), (1111, "USYS_CONFIG"),
        (1112, "USER_LOGIN"), (1113, "USER_LOGOUT"), (1114, "ADD_USER"), (1115, "DEL_USER"), (1116, "ADD_GROUP"),
        (1117, "DEL_GROUP"), (1118, "DAC_CHECK"), (1119, "CHGRP_ID"), (1120, "TEST"), (1121, "TRUSTED_APP"),
        (1122, "USER_SELINUX_ERR"), (1123, "USER_CMD"), (1124, "USER_TTY"), (1125, "CHUSER_ID"), (1126, "GRP_AUTH"),
        (1127, "SYSTEM_BOOT"), (1128, "SYSTEM_SHUTDOWN"), (1129, "SYSTEM_RUNLEVEL"), (1130, "SERVICE_START"),
        (1131, "SERVICE_STOP"), (1132, "GRP_MGMT"), (1133, "GRP_CHAUTHTOK"), (1134, "MAC_CHECK"),
        (1135, "ACCT_LOCK"), (1136, "ACCT_UNLOCK"), (1137, "USER_DEVICE"), (1138, "SOFTWARE_UPDATE"),
        (1200, "DAEMON_START"), (1201, "DAEMON_END"), (1202, "DAEMON_ABORT"), (1203, "DAEMON_CONFIG"),
        (1204, "DAEMON_RECONFIG"), (1205, "DAEMON_ROTATE"), (1206, "DAEMON_RESUME"), (1207, "DAEMON_ACCEPT"),
        (1208, "DAEMON_CLOSE"), (1209, "DAEMON_ERR"), (1300, "SYSCALL"), (1302, "PATH"), (1303, "IPC"),
        (1304, "SOCKETCALL"), (1305, "CONFIG_CHANGE"), (1306, "SOCKADDR"), (1307, "CWD"), (1309, "EXECVE"),
        (1311, "IPC_SET_PERM"), (1312, "MQ_OPEN"), (1313, "MQ_SENDRECV"), (1314, "MQ_NOTIFY"),
        (1315, "MQ_GETSETATTR"), (1316, "KERNEL_OTHER"), (1317, "FD_PAIR"), (1318, "OBJ_PID"), (1319, "TTY"),
        (1320, "EOE"), (1321, "BPRM_FCAPS"), (1322, "CAPSET"), (1323, "MMAP"), (1324, "NETFILTER_PKT"),
        (1325, "NETFILTER_CFG"), (1326, "SECCOMP"), (1327, "PROCTITLE"), (1328, "FEATURE_CHANGE"), (1329, "REPLACE"),
        (1330, "KERN_MODULE"), (1331, "FANOTIFY"), (1332, "TIME_INJOFFSET"), (1333, "TIME_ADJNTPVAL"), (1334, "BPF"),
        (1335, "EVENT_LISTENER"), (1336, "URINGOP"), (1337, "OPENAT2"), (1338, "DM_CTRL"), (1339, "DM_EVENT"),
        (1400, "AVC"), (1401, "SELINUX_ERR"), (1402, "AVC_PATH"), (1403, "MAC_POLICY_LOAD"), (1404, "MAC_STATUS"),
        (1405, "MAC_CONFIG_CHANGE"), (1406, "MAC_UNLBL_ALLOW"), (1407, "MAC_CIPSOV4_ADD"), (1408, "MAC_CIPSOV4_DEL"),
        (1409, "MAC_MAP_ADD"), (1410, "MAC_MAP_DEL"), (1411, "MAC_IPSEC_ADDSA"), (1412, "MAC_IPSEC_DELSA"),
        (1413, "MAC_IPSEC_ADDSPD"), (1414, "MAC_IPSEC_DELSPD"), (1415, "MAC_IPSEC_EVENT"),
        (1416, "MAC_UNLBL_STCADD"), (1417, "MAC_UNLBL_STCDEL"), (1418, "MAC_CALIPSO_ADD"), (1419, "MAC_CALIPSO_DEL"),
        (1420, "IPE_ACCESS"), (1421, "IPE_CONFIG_CHANGE"), (1422, "IPE_POLICY_LOAD"), (1423, "LANDLOCK_ACCESS"),
        (1424, "LANDLOCK_DOMAIN"), (1425, "MAC_TASK_CONTEXTS"), (1426, "MAC_OBJ_CONTEXTS"), (1500, "APPARMOR"),
        (1501, "APPARMOR_AUDIT"), (1502, "APPARMOR_ALLOWED"), (1503, "APPARMOR_DENIED"), (1504, "APPARMOR_HINT"),
        (1505, "APPARMOR_STATUS"), (1506, "APPARMOR_ERROR"), (1507, "APPARMOR_KILL"), (1700, "ANOM_PROMISCUOUS"),
        (1701, "ANOM_ABEND"), (1702, "ANOM_LINK"), (1703, "ANOM_CREAT"), (1800, "INTEGRITY_DATA"),
        (1801, "INTEGRITY_METADATA"), (1802, "INTEGRITY_STATUS"), (1803, "INTEGRITY_HASH"), (1804, "INTEGRITY_PCR"),
        (1805, "INTEGRITY_RULE"), (1806, "INTEGRITY_EVM_XATTR"), (1807, "INTEGRITY_POLICY_RULE"), (2000, "KERNEL"),
        (2100, "ANOM_LOGIN_FAILURES"), (2101, "ANOM_LOGIN_TIME"), (2102, "ANOM_LOGIN_SESSIONS"),
        (2103, "ANOM_LOGIN_ACCT"), (2104, "ANOM_LOGIN_LOCATION"), (2105, "ANOM_MAX_DAC"), (2106, "ANOM_MAX_MAC"),
        (2107, "ANOM_AMTU_FAIL"), (2108, "ANOM_RBAC_FAIL"), (2109, "ANOM_RBAC_INTEGRITY_FAIL"),
        (2110, "ANOM_CRYPTO_FAIL"), (2111, "ANOM_ACCESS_FS"), (2112, "ANOM_EXEC"), (2113, "ANOM_MK_EXEC"),
        (2114, "ANOM_ADD_ACCT"), (2115, "ANOM_DEL_ACCT"), (2116, "ANOM_MOD_ACCT"), (2117, "ANOM_ROOT_TRANS"),
        (2118, "ANOM_LOGIN_SERVICE"), (2119, "ANOM_LOGIN_ROOT"), (2120, "ANOM_ORIGIN_FAILURES"),
        (2121, "ANOM_SESSION"), (2200, "RESP_ANOMALY"), (2201, "RESP_ALERT"), (2202, "RESP_KILL_PROC"),
        (2203, "RESP_TERM_ACCESS"), (2204, "RESP_ACCT_REMOTE"), (2205, "RESP_ACCT_LOCK_TIMED"),
        (2206, "RESP_ACCT_UNLOCK_TIMED"), (2207, "RESP_ACCT_LOCK"), (2208, "RESP_TERM_LOCK"), (2209, "RESP_SEBOOL"),
        (2210, "RESP_EXEC"), (2211, "RESP_SINGLE"), (2212, "RESP_HALT"), (2213, "RESP_ORIGIN_BLOCK"),
        (2214, "RESP_ORIGIN_BLOCK_TIMED"), (2215, "RESP_ORIGIN_UNBLOCK_TIMED"), (2300, "USER_ROLE_CHANGE"),
        (2301, "ROLE_ASSIGN"), (2302, "ROLE_REMOVE"), (2303, "LABEL_OVERRIDE"), (2304, "LABEL_LEVEL_CHANGE"),
        (2305, "USER_LABELED_EXPORT"), (2306, "USER_UNLABELED_EXPORT"), (2307, "DEV_ALLOC"), (2308, "DEV_DEALLOC"),
        (2309, "FS_RELABEL"), (2310, "USER_MAC_POLICY_LOAD"), (2311, "ROLE_MODIFY"),
        (2312, "USER_MAC_CONFIG_CHANGE"), (2313, "USER_MAC_STATUS"), (2400, "CRYPTO_TEST_USER"),
        (2401, "CRYPTO_PARAM_CHANGE_USER"), (2402, "CRYPTO_LOGIN"), (2403, "CRYPTO_LOGOUT"),
        (2404, "CRYPTO_KEY_USER"), (2405, "CRYPTO_FAILURE_USER"), (2406, "CRYPTO_REPLAY_USER"),
        (2407, "CRYPTO_SESSION"), (2408, "CRYPTO_IKE_SA"), (2409, "CRYPTO_IPSEC_SA"), (2500, "VIRT_CONTROL"),
        (2501, "VIRT_RESOURCE"), (2502, "VIRT_MACHINE_ID"), (2503, "VIRT_INTEGRITY_CHECK"), (2504, "VIRT_CREATE"),
        (2505, "VIRT_DESTROY"), (2506, "VIRT_MIGRATE_IN"), (2507, "VIRT_MIGRATE_OUT"),
    ]
}

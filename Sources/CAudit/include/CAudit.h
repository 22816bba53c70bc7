/* libaudit for Swift: the status as plain numbers, and rules as a structure that is filled field by field.
 *
 * Rules are filled by hand and not by audit_rule_fieldpair_data(): libaudit 3.0 refuses several fields on the io_uring
 * list that the kernel takes, and parses texts where numbers are known. libaudit sends and lists them. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct na_audit_status {
    uint32_t enabled, failure, pid, rate_limit, backlog_limit, lost, backlog, backlog_wait_time, features;
};

/* A control socket of its own: requests on the data socket would meet its ENOBUFS. A descriptor, or -errno. */
int na_audit_open(void);

/* AUDIT_GET. 0, or -errno. */
int na_audit_get_status(int control, struct na_audit_status *status);

/* AUDIT_SET of one value. 0, or -errno (EPERM: locked by enabled 2, or no CAP_AUDIT_CONTROL). */
int na_audit_set_enabled(int control, uint32_t value);
int na_audit_set_failure(int control, uint32_t value);
int na_audit_set_backlog_limit(int control, uint32_t value);
int na_audit_set_backlog_wait_time(int control, uint32_t value);

/* Makes the process with this pid the audit daemon, its records going to `data`, the socket that asks; 0 gives it up.
 * 0, or -errno (EEXIST: another daemon answers). */
int na_audit_set_daemon(int data, uint32_t pid);

/* A rule as the kernel takes it (struct audit_rule_data), with room for a path and the key. */
struct na_audit_rule {
    uint32_t list, action, prepend;
    uint32_t syscalls[64]; /* a bit a call */
    uint32_t field_count;
    uint32_t fields[16], values[16], operators[16];
    char path[256]; /* of a field NA_AUDIT_FIELD_WATCH or _DIR, whose value is not looked at */
    char key[64];
};

/* What the two below send: struct audit_rule_data and behind it the texts. Its length, or -errno (ERANGE: `size` is less). */
int na_audit_encode_rule(const struct na_audit_rule *rule, void *buffer, size_t size);

/* AUDIT_ADD_RULE, AUDIT_DEL_RULE. 0, or -errno (EEXIST, ENOENT). */
int na_audit_add_rule(int control, const struct na_audit_rule *rule);
int na_audit_delete_rule(int control, const struct na_audit_rule *rule);

/* Deletes every rule whose key begins with `prefix`: number deleted, or -errno. */
int na_audit_delete_rules_with_key(int control, const char *prefix);

/* Calls `visit` with the key (empty without one), list and action of each rule the kernel holds. Number, or -errno. */
int na_audit_list_rules(int control, void (*visit)(void *context, const char *key, uint32_t list, uint32_t action),
                        void *context);

/* The number of a system call by name on the given machine (0 x86_64, 1 i386, 2 aarch64), or -1. */
int na_audit_call_number(const char *name, int machine);

/* linux/audit.h, as numbers that Swift imports. */
enum {
    NA_AUDIT_LIST_TASK = 1, NA_AUDIT_LIST_EXIT = 4, NA_AUDIT_LIST_URING = 7,
    NA_AUDIT_NEVER = 0, NA_AUDIT_ALWAYS = 2,
    NA_AUDIT_FIELD_PID = 0, NA_AUDIT_FIELD_ARCH = 11, NA_AUDIT_FIELD_DEVMAJOR = 100, NA_AUDIT_FIELD_INODE = 102,
    NA_AUDIT_FIELD_EXIT = 103, NA_AUDIT_FIELD_SUCCESS = 104, NA_AUDIT_FIELD_WATCH = 105, NA_AUDIT_FIELD_PERM = 106,
    NA_AUDIT_FIELD_DIR = 107, NA_AUDIT_FIELD_FILETYPE = 108, NA_AUDIT_FIELD_ARG0 = 200,
    NA_AUDIT_OP_MASK = 0x08000000, NA_AUDIT_OP_GREATER = 0x20000000, NA_AUDIT_OP_EQUAL = 0x40000000,
    NA_AUDIT_OP_GREATER_EQUAL = 0x60000000, NA_AUDIT_OP_ALL_BITS = 0x48000000,
};

#define _GNU_SOURCE
#include "CAudit.h"
#include <errno.h>
#include <libaudit.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

int na_audit_open(void) {
    set_aumessage_mode(MSG_QUIET, DBG_NO); /* libaudit would print on stderr what is returned here anyway */
    int fd = audit_open();
    return fd >= 0 ? fd : -errno;
}

/* libaudit returns a sequence number, or -errno, or -1 with errno. */
static int outcome(int result) {
    if (result >= 0) return 0;
    return result == -1 && errno != 0 ? -errno : result;
}

/* The next reply of one of `type` or an error; others (late acknowledgements) are passed over. 0, or -errno. */
static int reply_of(int control, int type, struct audit_reply *reply) {
    for (int tries = 0; tries < 64; tries++) {
        struct pollfd ready = {.fd = control, .events = POLLIN};
        int n = poll(&ready, 1, 1000);
        if (n == 0) return -ETIMEDOUT;
        if (n < 0 && errno != EINTR) return -errno;
        int got = audit_get_reply(control, reply, GET_REPLY_NONBLOCKING, 0);
        if (got < 0) {
            if (got == -EAGAIN || got == -EINTR) continue;
            return got;
        }
        if (got == 0) continue;
        if (reply->type == type || reply->type == NLMSG_DONE) return 0;
        if (reply->type == NLMSG_ERROR && reply->error && reply->error->error != 0) return reply->error->error;
    }
    return -EPROTO;
}

int na_audit_get_status(int control, struct na_audit_status *status) {
    errno = 0;
    int error = outcome(audit_request_status(control));
    if (error != 0) return error;
    struct audit_reply reply;
    error = reply_of(control, AUDIT_GET, &reply);
    if (error != 0) return error;
    if (reply.type != AUDIT_GET || reply.status == NULL) return -EPROTO;
    *status = (struct na_audit_status){
        .enabled = reply.status->enabled, .failure = reply.status->failure, .pid = reply.status->pid,
        .rate_limit = reply.status->rate_limit, .backlog_limit = reply.status->backlog_limit,
        .lost = reply.status->lost, .backlog = reply.status->backlog,
        .backlog_wait_time = reply.status->backlog_wait_time, .features = reply.status->feature_bitmap,
    };
    return 0;
}

#define SET(call) do { errno = 0; return outcome(call); } while (0)

int na_audit_set_enabled(int control, uint32_t value) { SET(audit_set_enabled(control, value)); }
int na_audit_set_failure(int control, uint32_t value) { SET(audit_set_failure(control, value)); }
int na_audit_set_backlog_limit(int control, uint32_t value) { SET(audit_set_backlog_limit(control, value)); }
int na_audit_set_backlog_wait_time(int control, uint32_t value) { SET(audit_set_backlog_wait_time(control, value)); }
int na_audit_set_daemon(int data, uint32_t pid) { SET(audit_set_pid(data, pid, WAIT_NO)); }

/* The caller frees it. Texts lie behind the structure, in the order of their fields; the key is the last. */
static struct audit_rule_data *encode(const struct na_audit_rule *rule) {
    size_t key = strnlen(rule->key, sizeof rule->key), path = strnlen(rule->path, sizeof rule->path);
    struct audit_rule_data *data = calloc(1, sizeof *data + path + key);
    if (data == NULL || rule->field_count > 16) { free(data); return NULL; }
    data->flags = rule->list | (rule->prepend ? AUDIT_FILTER_PREPEND : 0);
    data->action = rule->action;
    memcpy(data->mask, rule->syscalls, sizeof data->mask);
    data->field_count = rule->field_count;
    for (uint32_t i = 0; i < rule->field_count; i++) {
        data->fields[i] = rule->fields[i];
        data->values[i] = rule->values[i];
        data->fieldflags[i] = rule->operators[i];
        if ((rule->fields[i] == AUDIT_WATCH || rule->fields[i] == AUDIT_DIR) && data->buflen == 0) {
            data->values[i] = (uint32_t)path;
            memcpy(data->buf, rule->path, path);
            data->buflen = (uint32_t)path;
        }
    }
    if (key > 0) {
        uint32_t i = data->field_count++;
        data->fields[i] = AUDIT_FILTERKEY;
        data->values[i] = (uint32_t)key;
        data->fieldflags[i] = AUDIT_EQUAL;
        memcpy(data->buf + data->buflen, rule->key, key);
        data->buflen += (uint32_t)key;
    }
    return data;
}

int na_audit_encode_rule(const struct na_audit_rule *rule, void *buffer, size_t size) {
    struct audit_rule_data *data = encode(rule);
    if (data == NULL) return -EINVAL;
    size_t length = sizeof *data + data->buflen;
    if (length <= size) memcpy(buffer, data, length);
    free(data);
    return length <= size ? (int)length : -ERANGE;
}

/* libaudit's flags and action parameters are or-ed into what the structure says already. */
int na_audit_add_rule(int control, const struct na_audit_rule *rule) {
    struct audit_rule_data *data = encode(rule);
    if (data == NULL) return -EINVAL;
    errno = 0;
    int result = outcome(audit_add_rule_data(control, data, (int)data->flags, (int)data->action));
    free(data);
    return result;
}

int na_audit_delete_rule(int control, const struct na_audit_rule *rule) {
    struct audit_rule_data *data = encode(rule);
    if (data == NULL) return -EINVAL;
    errno = 0;
    int result = outcome(audit_delete_rule_data(control, data, (int)(data->flags & ~AUDIT_FILTER_PREPEND),
                                                (int)data->action));
    free(data);
    return result;
}

/* The key of a listed rule: texts of fields that have one lie in `buf` in the order of the fields. */
static void key_of(const struct audit_rule_data *data, char *key, size_t size) {
    size_t offset = 0;
    key[0] = 0;
    for (uint32_t i = 0; i < data->field_count && i < AUDIT_MAX_FIELDS; i++) {
        uint32_t field = data->fields[i] & ~AUDIT_OPERATORS;
        int has_text = field == AUDIT_FILTERKEY || field == AUDIT_WATCH || field == AUDIT_DIR || field == AUDIT_EXE ||
                       (field >= AUDIT_SUBJ_USER && field <= AUDIT_SUBJ_CLR) ||
                       (field >= AUDIT_OBJ_USER && field <= AUDIT_OBJ_LEV_HIGH);
        if (!has_text) continue;
        size_t length = data->values[i];
        if (offset + length > data->buflen) return;
        if (field == AUDIT_FILTERKEY) {
            size_t n = length < size - 1 ? length : size - 1;
            memcpy(key, data->buf + offset, n);
            key[n] = 0;
        }
        offset += length;
    }
}

struct listing {
    struct audit_rule_data **rules;
    int count, room;
};

static int list(int control, struct listing *listing) {
    errno = 0;
    int error = outcome(audit_request_rules_list_data(control));
    if (error != 0) return error;
    for (;;) {
        struct audit_reply reply;
        error = reply_of(control, AUDIT_LIST_RULES, &reply);
        if (error != 0) return error;
        if (reply.type == NLMSG_DONE) return 0;
        if (reply.ruledata == NULL) return -EPROTO;
        if (listing->count == listing->room) {
            int room = listing->room ? listing->room * 2 : 32;
            void *grown = realloc(listing->rules, (size_t)room * sizeof *listing->rules);
            if (grown == NULL) return -ENOMEM;
            listing->rules = grown;
            listing->room = room;
        }
        size_t size = sizeof *reply.ruledata + reply.ruledata->buflen;
        struct audit_rule_data *copy = malloc(size);
        if (copy == NULL) return -ENOMEM;
        memcpy(copy, reply.ruledata, size);
        listing->rules[listing->count++] = copy;
    }
}

static void discard(struct listing *listing) {
    for (int i = 0; i < listing->count; i++) free(listing->rules[i]);
    free(listing->rules);
}

int na_audit_delete_rules_with_key(int control, const char *prefix) {
    struct listing listing = {0};
    int result = list(control, &listing);
    for (int i = 0; i < listing.count && result >= 0; i++) {
        struct audit_rule_data *data = listing.rules[i];
        char key[AUDIT_MAX_KEY_LEN + 1];
        key_of(data, key, sizeof key);
        if (strncmp(key, prefix, strlen(prefix)) != 0) continue;
        errno = 0;
        int error = outcome(audit_delete_rule_data(control, data, (int)data->flags, (int)data->action));
        if (error == 0) result++;
        else if (error != -ENOENT) result = error;
    }
    discard(&listing);
    return result;
}

int na_audit_list_rules(int control, void (*visit)(void *, const char *, uint32_t, uint32_t), void *context) {
    struct listing listing = {0};
    int result = list(control, &listing);
    for (int i = 0; i < listing.count && result >= 0; i++) {
        char key[AUDIT_MAX_KEY_LEN + 1];
        key_of(listing.rules[i], key, sizeof key);
        visit(context, key, listing.rules[i]->flags, listing.rules[i]->action);
        result++;
    }
    discard(&listing);
    return result;
}

int na_audit_call_number(const char *name, int machine) {
    static const int machines[] = {MACH_86_64, MACH_X86, MACH_AARCH64};
    if (machine < 0 || machine > 2) return -1;
    int number = audit_name_to_syscall(name, machines[machine]);
    if (number >= 0) return number;
    /* Calls younger than libaudit 3.0's tables; these numbers are the same on every architecture. */
    static const struct { const char *name; int number; } young[] = {
        {"open_tree", 428}, {"move_mount", 429}, {"fsopen", 430}, {"fsconfig", 431}, {"fsmount", 432}, {"fspick", 433},
        {"openat2", 437}, {"mount_setattr", 442},
    };
    for (unsigned i = 0; i < sizeof young / sizeof *young; i++)
        if (strcmp(young[i].name, name) == 0) return young[i].number;
    return -1;
}

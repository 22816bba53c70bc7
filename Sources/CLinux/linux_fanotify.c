#define _GNU_SOURCE
#include "linux_fanotify.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/fanotify.h>
#include <unistd.h>

#ifndef FAN_EVENT_INFO_TYPE_PIDFD
#define FAN_EVENT_INFO_TYPE_PIDFD 4
#endif

int na_fanotify_init(uint32_t report_flags) {
    int fd = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK | report_flags,
                           O_RDONLY | O_LARGEFILE | O_CLOEXEC | O_NONBLOCK | O_NOATIME);
    return fd >= 0 ? fd : -errno;
}

static int mark(int group, unsigned action, uint32_t kind, uint64_t mask, int descriptor) {
    /* The path of /proc/self/fd follows to the checked object and to nothing else; dirfd with a NULL path would refuse
     * O_PATH descriptors of files. */
    char path[32] = "/proc/self/fd/";
    char digits[12];
    int n = 0;
    unsigned value = (unsigned)descriptor;
    do digits[n++] = (char)('0' + value % 10); while (value /= 10);
    char *end = path + 14;
    while (n > 0) *end++ = digits[--n];
    *end = 0;
    return fanotify_mark(group, action | kind, mask, AT_FDCWD, path) == 0 ? 0 : -errno;
}

int na_fanotify_add(int group, uint32_t kind, uint64_t mask, int descriptor) {
    return mark(group, FAN_MARK_ADD, kind, mask, descriptor);
}

int na_fanotify_remove(int group, uint32_t kind, uint64_t mask, int descriptor) {
    return mark(group, FAN_MARK_REMOVE, kind, mask, descriptor);
}

int na_fanotify_read(int group, struct na_fanotify_event *event) {
    /* Room for one event with one pidfd record: the kernel copies an event only where it fits whole. */
    _Alignas(8) char buffer[sizeof(struct fanotify_event_metadata) + 8];
    ssize_t n = read(group, buffer, sizeof buffer);
    if (n < 0) return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    if (n < (ssize_t)sizeof(struct fanotify_event_metadata)) return 0;
    struct fanotify_event_metadata meta;
    memcpy(&meta, buffer, sizeof meta);
    if (meta.vers != FANOTIFY_METADATA_VERSION) return -EPROTO;
    *event = (struct na_fanotify_event){.mask = meta.mask, .descriptor = meta.fd, .pid = meta.pid, .pidfd = -1};
    size_t offset = meta.metadata_len;
    while (offset + 8 <= (size_t)n && offset + 8 <= meta.event_len) {
        struct { uint8_t type, pad; uint16_t length; int32_t pidfd; } info;
        memcpy(&info, buffer + offset, sizeof info);
        if (info.length < 4) break;
        if (info.type == FAN_EVENT_INFO_TYPE_PIDFD) event->pidfd = info.pidfd >= 0 ? info.pidfd : -1;
        offset += info.length;
    }
    return 1;
}

long na_fanotify_read_names(int group, void *buffer, size_t size) {
    ssize_t n = read(group, buffer, size);
    if (n < 0) return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    return n;
}

size_t na_fanotify_next_name(const void *buffer, size_t size, size_t offset, struct na_fanotify_name_event *event) {
    const char *base = buffer;
    struct fanotify_event_metadata meta;
    if (offset + sizeof meta > size) return 0;
    memcpy(&meta, base + offset, sizeof meta);
    if (meta.event_len < sizeof meta || offset + meta.event_len > size) return 0;
    memset(event, 0, sizeof *event);
    event->mask = meta.mask;
    event->pid = meta.pid;
    size_t at = offset + meta.metadata_len, end = offset + meta.event_len;
    /* fanotify_event_info_fid: type, pad, len (4 bytes), fsid (8), then struct file_handle: bytes, type, data; a
     * DFID_NAME record has the NUL-terminated name after the handle. */
    while (at + 20 <= end) {
        uint16_t length;
        uint8_t type = (uint8_t)base[at];
        memcpy(&length, base + at + 2, 2);
        if (length < 4 || at + length > end) break;
        if (type == FAN_EVENT_INFO_TYPE_DFID_NAME) {
            uint32_t handle_bytes;
            memcpy(&handle_bytes, base + at + 12, 4);
            size_t name_at = at + 20 + handle_bytes;
            if (handle_bytes >= 8) memcpy(&event->directory_handle, base + at + 20, 8);
            if (name_at < at + length) {
                size_t room = at + length - name_at;
                size_t n = strnlen(base + name_at, room);
                if (n >= sizeof event->name) n = sizeof event->name - 1;
                memcpy(event->name, base + name_at, n);
                event->name_length = (uint32_t)n;
            }
        }
        at += length;
    }
    return offset + meta.event_len;
}

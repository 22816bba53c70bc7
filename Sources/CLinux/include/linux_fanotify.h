#pragma once
#include <stddef.h>
#include <stdint.h>

/* From linux/fanotify.h; the libc header of Debian 12 lacks the newest. */
enum {
    NA_FAN_OPEN = 0x20,
    NA_FAN_MODIFY = 0x02,
    NA_FAN_CREATE = 0x100,
    NA_FAN_DELETE = 0x200,
    NA_FAN_ONDIR = 0x40000000,
    NA_FAN_Q_OVERFLOW = 0x4000,
    NA_FAN_REPORT_PIDFD = 0x80,
    NA_FAN_REPORT_DFID_NAME = 0xc00,
    NA_FAN_REPORT_FD_ERROR = 0x2000,
    NA_FAN_MARK_INODE = 0,
    NA_FAN_MARK_FILESYSTEM = 0x100,
};

/* fanotify_init with FAN_CLASS_NOTIF, close-on-exec and non-blocking; events open read-only. A descriptor, or -errno. */
int na_fanotify_init(uint32_t report_flags);

/* fanotify_mark(FAN_MARK_ADD) of the object that `descriptor` stands for (O_PATH is enough). 0, or -errno. */
int na_fanotify_add(int group, uint32_t kind, uint64_t mask, int descriptor);
/* FAN_MARK_REMOVE of the same. */
int na_fanotify_remove(int group, uint32_t kind, uint64_t mask, int descriptor);

/* One event of a group in fd mode. `descriptor` is negative without one: an overflow, or FAN_REPORT_FD_ERROR's -errno. */
struct na_fanotify_event {
    uint64_t mask;
    int32_t descriptor;
    int32_t pid;
    int32_t pidfd; /* -1 where not asked for or not there */
};

/* Reads ONE event: with more in one buffer a failing open of a later object would be told only by a later read, and each
 * read installs every descriptor at once. 1 an event, 0 nothing there, or -errno (ESRCH, EACCES, ENODEV: the event is
 * consumed and its object is not told). */
int na_fanotify_read(int group, struct na_fanotify_event *event);

/* One event of a group with FAN_REPORT_DFID_NAME. */
struct na_fanotify_name_event {
    uint64_t mask;
    int32_t pid;
    uint32_t name_length;
    char name[256];
    uint64_t directory_handle; /* first 8 bytes of the handle: on kernfs the inode number of the directory */
};

/* Reads into `buffer` and steps through it. na_fanotify_read_names: bytes read, 0 nothing there, or -errno. */
long na_fanotify_read_names(int group, void *buffer, size_t size);
/* The event at `offset`; the offset of the next one, or 0 at the end. */
size_t na_fanotify_next_name(const void *buffer, size_t size, size_t offset, struct na_fanotify_name_event *event);

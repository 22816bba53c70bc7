#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What a collection records of a file system object, from statx(2). */
struct na_object_status {
    uint32_t device_major, device_minor;
    uint64_t inode;
    uint32_t mode, links, uid, gid;
    uint32_t node_major, node_minor;
    uint64_t size;
    int64_t modified_s, accessed_s, changed_s, born_s; /* seconds since the epoch */
    uint32_t modified_ns, accessed_ns, changed_ns;
    uint32_t has_born;
};

/* statx of the open object (O_PATH is enough). `cached` 1: AT_STATX_DONT_SYNC, which never waits for the server of a
 * network or FUSE file system. 0, or -errno. */
int na_object_status(int descriptor, int cached, struct na_object_status *status);

/* lseek(SEEK_DATA) and lseek(SEEK_HOLE): hidden without _GNU_SOURCE. The offset, or -errno (ENXIO: no data behind it). */
int64_t na_seek_data(int descriptor, int64_t offset);
int64_t na_seek_hole(int descriptor, int64_t offset);

/* Opens the regular file that an O_PATH descriptor stands for, without waiting and without touching its access time where
 * that is allowed (O_NOATIME: owner or CAP_FOWNER). A descriptor, or -errno. */
int na_reopen_for_reading(int descriptor);

/* Another descriptor of the same open file, closed on exec. A descriptor, or -errno. */
int na_duplicate(int descriptor);

/* listxattr and getxattr of the object that the descriptor stands for. fgetxattr refuses O_PATH, so the way is
 * /proc/self/fd/N, followed: the magic link leads to the object itself, also to a symbolic link. Bytes, or -errno. */
int64_t na_list_xattrs(int descriptor, char *buffer, size_t size);
int64_t na_get_xattr(int descriptor, const char *name, void *buffer, size_t size);

/* Creates `name`, which must not be there, for reading and writing with mode 0600 whatever the umask. A descriptor, or
 * -errno. */
int na_create_new(int directory, const char *name);

/* A file without a name (O_TMPFILE) in the directory, or in memory where its file system has none. A descriptor, or
 * -errno. */
int na_unnamed_file(int directory);

/* renameat2(RENAME_NOREPLACE), and link with unlink where the file system lacks it. 0, or -errno (EEXIST). */
int na_rename_new(int directory, const char *from, const char *to);

/* Bytes that an ordinary user may still write to the file system, and its size. 0, or -errno. */
int na_space(int descriptor, uint64_t *available, uint64_t *total);

/* posix_fadvise(POSIX_FADV_DONTNEED) of the whole file: what a collection read must not push out what others use. */
void na_drop_cached(int descriptor);

/* Calling thread, and threads that it makes later: idle class of I/O and the lowest CPU priority. 0, or -errno. */
int na_idle_priority(void);

/* The calling process gets no more address space than that (RLIMIT_AS). 0, or -errno. */
int na_limit_memory(uint64_t bytes);

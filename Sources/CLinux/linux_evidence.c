#define _GNU_SOURCE
#include "linux_evidence.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

int na_object_status(int descriptor, int cached, struct na_object_status *status) {
    struct statx st;
    int flags = AT_EMPTY_PATH | AT_NO_AUTOMOUNT | (cached ? AT_STATX_DONT_SYNC : 0);
    if (statx(descriptor, "", flags, STATX_BASIC_STATS | STATX_BTIME, &st) != 0) return -errno;
    *status = (struct na_object_status){
        .device_major = st.stx_dev_major, .device_minor = st.stx_dev_minor, .inode = st.stx_ino, .mode = st.stx_mode,
        .links = st.stx_nlink, .uid = st.stx_uid, .gid = st.stx_gid, .node_major = st.stx_rdev_major,
        .node_minor = st.stx_rdev_minor, .size = st.stx_size, .modified_s = st.stx_mtime.tv_sec,
        .accessed_s = st.stx_atime.tv_sec, .changed_s = st.stx_ctime.tv_sec, .born_s = st.stx_btime.tv_sec,
        .modified_ns = st.stx_mtime.tv_nsec, .accessed_ns = st.stx_atime.tv_nsec, .changed_ns = st.stx_ctime.tv_nsec,
        .has_born = (st.stx_mask & STATX_BTIME) != 0,
    };
    return 0;
}

int64_t na_seek_data(int descriptor, int64_t offset) {
    off_t found = lseek(descriptor, offset, SEEK_DATA);
    return found >= 0 ? found : -errno;
}

int64_t na_seek_hole(int descriptor, int64_t offset) {
    off_t found = lseek(descriptor, offset, SEEK_HOLE);
    return found >= 0 ? found : -errno;
}

struct path { char text[32]; };

static struct path path_of(int descriptor) {
    struct path path;
    snprintf(path.text, sizeof path.text, "/proc/self/fd/%d", descriptor);
    return path;
}

int na_reopen_for_reading(int descriptor) {
    struct path path = path_of(descriptor);
    int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    int fd = open(path.text, flags | O_NOATIME);
    if (fd < 0 && errno == EPERM) fd = open(path.text, flags);
    return fd >= 0 ? fd : -errno;
}

int na_duplicate(int descriptor) {
    int fd = fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
    return fd >= 0 ? fd : -errno;
}

int64_t na_list_xattrs(int descriptor, char *buffer, size_t size) {
    struct path path = path_of(descriptor);
    ssize_t count = listxattr(path.text, buffer, size);
    return count >= 0 ? count : -errno;
}

int64_t na_get_xattr(int descriptor, const char *name, void *buffer, size_t size) {
    struct path path = path_of(descriptor);
    ssize_t count = getxattr(path.text, name, buffer, size);
    return count >= 0 ? count : -errno;
}

int na_create_new(int directory, const char *name) {
    int fd = openat(directory, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) return -errno;
    if (fchmod(fd, 0600) != 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

int na_unnamed_file(int directory) {
    int fd = openat(directory, ".", O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) fd = memfd_create("manifest", MFD_CLOEXEC);
    return fd >= 0 ? fd : -errno;
}

int na_rename_new(int directory, const char *from, const char *to) {
    if (renameat2(directory, from, directory, to, RENAME_NOREPLACE) == 0) return 0;
    if (errno != EINVAL && errno != ENOSYS) return -errno;
    if (linkat(directory, from, directory, to, 0) != 0) return -errno;
    return unlinkat(directory, from, 0) == 0 ? 0 : -errno;
}

int na_space(int descriptor, uint64_t *available, uint64_t *total) {
    struct statvfs status;
    if (fstatvfs(descriptor, &status) != 0) return -errno;
    *available = (uint64_t)status.f_bavail * status.f_frsize;
    *total = (uint64_t)status.f_blocks * status.f_frsize;
    return 0;
}

void na_drop_cached(int descriptor) { (void)posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED); }

int na_idle_priority(void) {
    enum { WHO_PROCESS = 1, CLASS_IDLE = 3, CLASS_SHIFT = 13 }; /* linux/ioprio.h is not in every libc's headers */
    if (syscall(SYS_ioprio_set, WHO_PROCESS, 0, CLASS_IDLE << CLASS_SHIFT) != 0) return -errno;
    return setpriority(PRIO_PROCESS, 0, 19) == 0 ? 0 : -errno;
}

int na_limit_memory(uint64_t bytes) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) != 0) return -errno;
    if (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur <= bytes) return 0;
    limit.rlim_cur = bytes;
    return setrlimit(RLIMIT_AS, &limit) == 0 ? 0 : -errno;
}

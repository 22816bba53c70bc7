#pragma once
#include <stddef.h>
#include <stdint.h>

/* O_NOATIME is hidden without _GNU_SOURCE. */
enum { NA_O_NOATIME = 01000000 };

/* getdents64 (glibc's own wrapper is hidden without _GNU_SOURCE): bytes filled, 0 at the end, or -errno. */
long na_directory_read(int directory, void *buffer, size_t size);

/* The record at `offset` of what na_directory_read filled: offset of the next one, 0 when there is none or it is malformed.
 * `name` points into the buffer; `type` is DT_… */
size_t na_directory_next(const void *buffer, size_t filled, size_t offset, const char **name, size_t *length, unsigned *type);

/* readlinkat; `name` "" reads the link that an O_PATH descriptor is. Bytes, or -errno. */
long na_read_link(int directory, const char *name, char *buffer, size_t size);

/* Opens what a descriptor (O_PATH as well) stands for through /proc/self/fd. A descriptor, or -errno. */
int na_reopen(int descriptor, int flags);

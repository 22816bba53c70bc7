#pragma once
#include <stdint.h>
#include <sys/types.h>

/* Waits until kernfs tells that a file has changed since it was last read (POLLPRI): 1 it has, 0 time-out, or -errno. */
int na_poll_priority(int descriptor, int timeout_ms);

/* pidfd_open, which the C library of Debian 11 lacks: a descriptor, or -errno. */
int na_pidfd_open(pid_t pid);
/* pidfd_send_signal: 0, or -errno (ESRCH: that very process has ended, whoever has its number now). */
int na_pidfd_signal(int pidfd, int signal_number);

/* posix_fallocate, which returns its error and leaves errno alone. 0, or -errno. */
int na_preallocate(int descriptor, int64_t bytes);

/* Raises RLIMIT_NOFILE to as many as are wanted, as far as the hard limit goes. What this process may have now, at most what
   is wanted; or -errno. */
int64_t na_raise_descriptor_limit(int64_t wanted);

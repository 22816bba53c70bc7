#pragma once
#include <pthread.h>
#include <stdint.h>
#include <sys/types.h>

/* pthread_setname_np is hidden without _GNU_SOURCE; at most 15 bytes, longer names are cut. */
void na_set_thread_name(const char *name);

/* Waits for a thread until a CLOCK_MONOTONIC time in nanoseconds; pthread_clockjoin_np is hidden without _GNU_SOURCE. 0, or
 * -ETIMEDOUT: the thread is not joined then. */
int na_join_until(pthread_t thread, uint64_t monotonic_ns);

/* From now on SIGTERM and SIGINT are noted instead of ending the process, until a handler of the program takes over. */
void na_note_termination(void);
/* Whether one came. */
int na_termination_noted(void);

/* From now on SIGHUP is noted instead of ending the process. */
void na_note_hangup(void);
/* Whether one came since the last call. */
int na_take_hangup(void);

/* Nice value of the calling thread alone (on Linux it is a thread's own). 0, or -errno (EACCES: no CAP_SYS_NICE). */
int na_set_thread_nice(int nice_value);

/* The child gets this signal when the thread that made it ends; also checks that the parent still lives. 0, or -errno. */
int na_die_with_parent(pid_t expected_parent, int signal_number);

/* No exec of this process or its children gains rights any more (PR_SET_NO_NEW_PRIVS). 0, or -errno. */
int na_no_new_privileges(void);

/* posix_spawn of `path` with `arguments`, one end of a socket pair as descriptor 3, other descriptors closed on exec,
 * signal mask and handlers at their defaults. The pid, or -errno. */
pid_t na_spawn(const char *path, char *const arguments[], int descriptor3);

/* AF_UNIX SOCK_SEQPACKET pair, close-on-exec. 0, or -errno. */
int na_socket_pair(int descriptors[2]);

/* Uid of the process on the other end of a connected AF_UNIX socket, or -errno. */
int64_t na_peer_uid(int socket);

/* Listening AF_UNIX stream socket at `path` (an old one is removed), mode 0600; a descriptor, or -errno. */
int na_listen_unix(const char *path);
/* Connected AF_UNIX stream socket; a descriptor, or -errno. */
int na_connect_unix(const char *path);
/* AF_UNIX datagram socket, connected to the service manager's address as $NOTIFY_SOCKET has it (`@` begins an abstract one),
 * close-on-exec, never waiting: sd_notify(3). A descriptor, or -errno. */
int na_connect_notify(const char *address);
/* accept4 with close-on-exec and a receive and send time-out of `seconds`; a descriptor, or -errno. */
int na_accept(int socket, int seconds);

/* waitid without blocking for the exit of `pid`: 1 it ended (status filled: exit code, or 128 + signal), 0 it runs,
 * or -errno. */
int na_wait_exit(pid_t pid, int *status);

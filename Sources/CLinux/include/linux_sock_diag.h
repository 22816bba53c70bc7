#pragma once
#include <stddef.h>

/* A NETLINK_SOCK_DIAG socket in the network namespace that `namespace_descriptor` (an open /proc/PID/ns/net) stands
 * for; -1: in the caller's own. A socket belongs to the namespace it was made in, whoever uses it later. setns(2) is
 * called on a thread made for it, which ends before this returns: no thread of the program is ever in a foreign
 * namespace. Receiving gives up after two seconds. A descriptor, or -errno (a foreign namespace needs CAP_SYS_ADMIN). */
int na_sock_diag_socket(int namespace_descriptor);

/* One request to the kernel: 0, or -errno. */
int na_sock_diag_send(int socket, const void *request, size_t size);

/* One datagram of the kernel's answer, any other sender's is dropped: bytes, or -errno (EMSGSIZE: it did not fit). */
long na_sock_diag_receive(int socket, void *buffer, size_t size);

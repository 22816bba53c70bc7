#pragma once
#include <stddef.h>
#include <stdint.h>

/* NETLINK_AUDIT socket; multicast_group 0 for unicast, 1 (AUDIT_NLGRP_READLOG) to read beside another daemon.
 * receive_bytes by SO_RCVBUFFORCE (CAP_NET_ADMIN). A descriptor, or -errno. */
int na_audit_socket(uint32_t multicast_group, int receive_bytes);

/* NETLINK_CONNECTOR socket subscribed to process events (CN_IDX_PROC, PROC_CN_MCAST_LISTEN; CAP_NET_ADMIN, initial
 * namespaces). A descriptor, or -errno. */
int na_connector_socket(int receive_bytes);

/* Joins or leaves a multicast group of a netlink socket. 0, or -errno. */
int na_netlink_join(int socket, uint32_t group);
int na_netlink_leave(int socket, uint32_t group);

/* Asks for the audit daemon's place, records going to `socket`, while another thread reads it: no acknowledgement is asked
 * for, which that thread would take. Whether it was given, AUDIT_GET on another socket tells. 0, or -errno. */
int na_audit_claim(int socket, uint32_t pid);

/* Subscribes to process events once more: the kernel counts listeners for all (before 6.6), and whoever says goodbye without
 * having been one takes another's place away. 0, or -errno. */
int na_connector_listen(int socket);
/* The opposite, once for each listening. 0, or -errno. */
int na_connector_leave(int socket);

/* Exact number of datagrams that the kernel dropped for this socket (SO_MEMINFO, SK_MEMINFO_DROPS), or -errno. */
int64_t na_socket_drops(int socket);

/* One received datagram: a slot of a ring begins with this. `sender_is_kernel` 0: forged by a process, to be ignored. */
struct na_datagram {
    uint32_t length;
    uint32_t sender_is_kernel;
};

/* recvmmsg without blocking, at most `count` datagrams (up to 64), each into its own slot: slot i lies at
 * base + ((first + i) mod slots) * stride, an na_datagram and then its bytes. Datagrams received, 0 nothing there, or
 * -errno (ENOBUFS: a loss happened; read on). */
int na_receive(int socket, void *base, size_t stride, uint32_t first, uint32_t slots, int count);

/* One process event out of a connector datagram. */
enum { NA_PROC_NONE, NA_PROC_FORK, NA_PROC_EXEC, NA_PROC_EXIT, NA_PROC_OTHER };
struct na_process_event {
    uint32_t what;
    int32_t pid;         /* thread id */
    int32_t tgid;        /* thread group */
    int32_t parent_tgid; /* fork */
    uint64_t monotonic_ns;
    uint32_t sequence, cpu;
};
/* 0 when the bytes are no process event. */
int na_parse_process_event(const void *bytes, size_t length, struct na_process_event *event);

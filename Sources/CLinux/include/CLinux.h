/* The kernel's interfaces that Swift's Glibc module hides (it is built without _GNU_SOURCE, and it imports neither
 * function-like macros nor variadic functions). One header and one source for each feature; every shim returns the call's
 * own value, or -errno, so that errno is never read across a boundary. */
#pragma once
#include "linux_cgroup.h"
#include "linux_evidence.h"
#include "linux_fanotify.h"
#include "linux_file.h"
#include "linux_netlink.h"
#include "linux_process.h"
#include "linux_sock_diag.h"
#include "linux_spawner.h"
#include "linux_walk.h"

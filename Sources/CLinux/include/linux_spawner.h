#pragma once
#include <stddef.h>
#include <sys/types.h>

/* Forks a small process that starts programs for its parent, so that the parent can give up the right to (seccomp) and its
 * capabilities. To be called while the calling thread is the only one. Everything it starts is the caller's child
 * (CLONE_PARENT) and runs `path` with descriptor 3 and the standard three alone; its first argument must be one of `verbs` (NULL
 * at the end). It ends with its parent, ignores SIGINT, SIGTERM and SIGHUP, and holds no descriptor of its parent's but the
 * standard three and the pair's. The pid, the caller's end of the pair (SOCK_SEQPACKET) in `socket`; or -errno. */
pid_t na_spawner_start(const char *path, const char *const verbs[], int *socket);

/* `words` may also be "nodeagent", "canary", PATH, NUMBER: then no program is started; the child makes a block node without a name,
 * which fails, with NUMBER as its device, opens PATH, and ends. Its exit status has a bit for each act that did not go as
 * it should. */
enum { NA_CANARY_NO_NODE = 1, NA_CANARY_NO_FILE = 2 };

/* One request: `words` is argv, each word ended by NUL, `size` bytes in all; the descriptor becomes the child's 3. Waits up to
 * two seconds. The child's pid, or -errno (EPIPE: the spawner is gone; EINVAL: it does not start this). */
pid_t na_spawner_request(int socket, const char *words, size_t size, int descriptor);

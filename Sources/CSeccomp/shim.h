#pragma once
#include <errno.h>
#include <seccomp.h>

/* Actions and error numbers that libseccomp has as function-like macros or negative literals, which Swift does not import. */
static inline uint32_t na_scmp_refuse(int error) { return SCMP_ACT_ERRNO((uint32_t)error); }
static inline uint32_t na_scmp_allow(void) { return SCMP_ACT_ALLOW; }
static inline uint32_t na_scmp_log(void) { return SCMP_ACT_LOG; }
static inline uint32_t na_scmp_kill(void) { return SCMP_ACT_KILL_PROCESS; }

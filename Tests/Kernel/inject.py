"""Makes a running process do a system call, by ptrace: what an attacker with code in the agent would do."""
import ctypes
import os

ATTACH, DETACH, STEP, GETREGS, SETREGS, WALL = 16, 17, 9, 12, 13, 0x40000000
NAMES = ("r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base ds es fs gs").split()
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.restype = ctypes.c_long
LIBC.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)


class Registers(ctypes.Structure):
    _fields_ = [(name, ctypes.c_ulonglong) for name in NAMES]


def ptrace(request, pid, data=None):
    if LIBC.ptrace(request, pid, None, data) < 0:
        raise OSError(ctypes.get_errno(), "ptrace %d of %d" % (request, pid))


def syscall_instruction(pid):
    """The address of a syscall instruction in the process' C library."""
    with open("/proc/%d/maps" % pid) as maps, open("/proc/%d/mem" % pid, "rb") as memory:
        for line in maps:
            if "r-xp" in line and "libc.so" in line:
                start, end = (int(part, 16) for part in line.split()[0].split("-"))
                memory.seek(start)
                found = memory.read(end - start).find(b"\x0f\x05")
                if found >= 0:
                    return start + found
    raise RuntimeError("no syscall instruction in %d" % pid)


def inject(pid, number, *arguments):
    """The call's own result, -errno when it failed, in the process' first thread; -1000 - N when signal N ended the process."""
    address = syscall_instruction(pid)
    ptrace(ATTACH, pid)
    os.waitpid(pid, WALL)
    saved = Registers()
    ptrace(GETREGS, pid, ctypes.addressof(saved))
    changed = Registers.from_buffer_copy(saved)
    changed.rip, changed.rax, changed.orig_rax = address, number, 2**64 - 1
    for name, value in zip(("rdi", "rsi", "rdx", "r10", "r8", "r9"), arguments + (0,) * 6):
        setattr(changed, name, value)
    ptrace(SETREGS, pid, ctypes.addressof(changed))
    ptrace(STEP, pid)
    _, status = os.waitpid(pid, WALL)
    if os.WIFSIGNALED(status):
        return -1000 - os.WTERMSIG(status)
    done = Registers()
    ptrace(GETREGS, pid, ctypes.addressof(done))
    ptrace(SETREGS, pid, ctypes.addressof(saved))
    ptrace(DETACH, pid)
    return ctypes.c_longlong(done.rax).value

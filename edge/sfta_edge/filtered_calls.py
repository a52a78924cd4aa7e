"""Which system calls a confined process is refused, as a BPF program for seccomp(2).

A list of what is refused, not of what is allowed: Python and its libraries use some two hundred
calls, and another C library or kernel brings others. What is refused is what turns broken
input into harm: the network, other programs, other processes, writing files, the parts of the
kernel that exploits go through and, unless it is granted, opening files and starting threads.

Numbers are those of the kernel's tables: arch/x86/entry/syscalls/syscall_64.tbl and, for Arm,
include/uapi/asm-generic/unistd.h.
"""

import struct
from dataclasses import dataclass

_EPERM, _ENOSYS = 1, 38
_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_KILL = 0x80000000
_LOAD, _JUMP_EQUAL, _JUMP_BITS, _JUMP_LEAST, _RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_X32 = 0x40000000
_WRITING = 0o1 | 0o2 | 0o100 | 0o1000  # O_WRONLY, O_RDWR, O_CREAT, O_TRUNC
_CLONE_THREAD = 0x00010000


@dataclass(frozen=True, slots=True)
class Grants:
    """What is not refused after all."""

    read_files: bool = False
    """Open files, for reading only."""
    start_threads: bool = False
    """Start threads, not processes."""
    use_sockets: bool = False
    """Accept and send on the sockets it has; it makes none."""


# x86-64 first, then the generic table of 64-bit Arm; -1 where there is no such call.
_CALLS = {
    "open": (2, -1),
    "creat": (85, -1),
    "openat": (257, 56),
    "openat2": (437, 437),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "bind": (49, 200),
    "listen": (50, 201),
    "accept": (43, 202),
    "accept4": (288, 242),
    "connect": (42, 203),
    "sendto": (44, 206),
    "sendmsg": (46, 211),
    "sendmmsg": (307, 269),
    "execve": (59, 221),
    "execveat": (322, 281),
    "clone": (56, 220),
    "clone3": (435, 435),
    "fork": (57, -1),
    "vfork": (58, -1),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "kill": (62, 129),
    "tkill": (200, 130),
    "rename": (82, -1),
    "renameat": (264, 38),
    "renameat2": (316, 276),
    "mkdir": (83, -1),
    "mkdirat": (258, 34),
    "rmdir": (84, -1),
    "unlink": (87, -1),
    "unlinkat": (263, 35),
    "link": (86, -1),
    "linkat": (265, 37),
    "symlink": (88, -1),
    "symlinkat": (266, 36),
    "mknod": (133, -1),
    "mknodat": (259, 33),
    "truncate": (76, 45),
    "ftruncate": (77, 46),
    "chmod": (90, -1),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "chown": (92, -1),
    "fchown": (93, 55),
    "lchown": (94, -1),
    "fchownat": (260, 54),
    "utime": (132, -1),
    "utimes": (235, -1),
    "futimesat": (261, -1),
    "utimensat": (280, 88),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "unshare": (272, 97),
    "setns": (308, 268),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "io_uring_setup": (425, 425),
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    "memfd_create": (319, 279),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "setuid": (105, 146),
    "setgid": (106, 144),
    "setresuid": (117, 147),
    "setresgid": (119, 149),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "mq_open": (240, 180),
}
_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_SECCOMP = (317, 277)
_OPENING = {"open": 1, "openat": 2}
"""Calls that open a file, and which argument holds the flags."""
_ON_SOCKETS = frozenset({"accept", "accept4", "sendto"})


def seccomp_call(machine: str) -> int | None:
    """Number of seccomp(2) itself; None for an architecture that is not known."""
    return _SECCOMP[_MACHINES[machine][0]] if machine in _MACHINES else None


def filter_for(machine: str, grants: Grants) -> bytes | None:
    """The program, eight bytes an instruction; None for an architecture that is not known.

    Args:
        machine: as `platform.machine` names it.
        grants: what is not refused.
    """
    if machine not in _MACHINES:
        return None
    column, audit = _MACHINES[machine]
    code = [
        _instruction(_LOAD, _ARCHITECTURE),
        _instruction(_JUMP_EQUAL, audit, 1, 0),
        _instruction(_RETURN, _KILL),
        _instruction(_LOAD, _NUMBER),
        # The 32-bit twins of x86-64 have numbers of their own.
        _instruction(_JUMP_LEAST, _X32, 0, 1),
        _instruction(_RETURN, _ERRNO | _EPERM),
    ]
    for name, numbers in _CALLS.items():
        if numbers[column] >= 0:
            code += _rule(name, numbers[column], grants)
    return b"".join([*code, _instruction(_RETURN, _ALLOW)])


def _rule(name: str, number: int, grants: Grants) -> list[bytes]:
    """What becomes of one call; any other falls through to the next rule."""
    if grants.use_sockets and name in _ON_SOCKETS:
        return []
    if grants.read_files and name in _OPENING:
        return _judged(number, _OPENING[name], _WRITING, if_any=_ERRNO | _EPERM, else_=_ALLOW)
    if grants.start_threads and name == "clone":
        return _judged(number, 0, _CLONE_THREAD, if_any=_ALLOW, else_=_ERRNO | _EPERM)
    # Their flags lie in memory, where a filter cannot look. Without these two a C library falls
    # back to the calls that can be judged.
    error = _ENOSYS if name in ("clone3", "openat2") else _EPERM
    return [_instruction(_JUMP_EQUAL, number, 0, 1), _instruction(_RETURN, _ERRNO | error)]


def _judged(number: int, argument: int, bits: int, *, if_any: int, else_: int) -> list[bytes]:
    """Decide by the lower half of an argument, which comes first: both are little-endian."""
    return [
        _instruction(_JUMP_EQUAL, number, 0, 4),
        _instruction(_LOAD, _FIRST_ARGUMENT + 8 * argument),
        _instruction(_JUMP_BITS, bits, 0, 1),
        _instruction(_RETURN, if_any),
        _instruction(_RETURN, else_),
    ]


def _instruction(code: int, operand: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """``struct sock_filter`` of linux/filter.h."""
    return struct.pack("=HBBI", code, if_true, if_false, operand)

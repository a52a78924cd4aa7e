"""A filter on system calls: what the worker needs for computing stays, the world goes.

After `install`, this process and every thread of it can open no connection, start no program,
make no process, look into none, write, rename or delete no file. The kernel upholds it (seccomp
in filter mode, seccomp(2)); nothing can take it back. A refused call fails with EPERM.

Libraries are loaded before, since they may open what they like; data comes after.
"""

import ctypes
import errno
import os
import platform
import sys

_NUMBERS = {
    # name: x86-64, aarch64; None: the architecture has no such call
    "socket": (41, 198),
    "socketpair": (53, 199),
    "connect": (42, 203),
    "bind": (49, 200),
    "listen": (50, 201),
    # Its rings carry out socket and file calls that no filter sees.
    "io_uring_setup": (425, 425),
    "execve": (59, 221),
    "execveat": (322, 281),
    "fork": (57, None),
    "vfork": (58, None),
    "kill": (62, 129),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "creat": (85, None),
    "truncate": (76, 45),
    "rename": (82, None),
    "renameat": (264, 38),
    "renameat2": (316, 276),
    "unlink": (87, None),
    "unlinkat": (263, 35),
    "rmdir": (84, None),
    "mkdir": (83, None),
    "mkdirat": (258, 34),
    "mknod": (133, None),
    "mknodat": (259, 33),
    "link": (86, None),
    "linkat": (265, 37),
    "symlink": (88, None),
    "symlinkat": (266, 36),
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "chown": (92, None),
    "fchownat": (260, 54),
}
_FLAGS = {
    # name: numbers, which argument holds the flags
    "open": ((2, None), 1),
    "openat": ((257, 56), 2),
}
_CLONE = (56, 220)
# Their flags lie in memory, where a filter cannot look. The C library then takes the older call.
_UNREADABLE = {"clone3": (435, 435), "openat2": (437, 437)}
_SECCOMP = (317, 277)
_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}

_CLONE_THREAD = 0x00010000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16
_X32_CALLS = 0x40000000  # the same kernel answers these under other numbers
_SET_FILTER, _ALL_THREADS = 1, 1

Instruction = tuple[int, int, int, int]
"""Operation, instructions to skip if true, if false, and its constant."""


class _Instruction(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_ushort),
        ("if_true", ctypes.c_ubyte),
        ("if_false", ctypes.c_ubyte),
        ("constant", ctypes.c_uint),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.POINTER(_Instruction)))


def install() -> str:
    """Filter the calls of every thread that runs and of all that will.

    Returns:
        Why there is no filter; empty if there is one. `PR_SET_NO_NEW_PRIVS` must be set.
    """
    machine = platform.machine()
    if sys.platform != "linux" or machine not in _MACHINES:
        return f"no filter of system calls is known for {sys.platform} on {machine}"
    lines = program(machine)
    code = (_Instruction * len(lines))(*(_Instruction(*line) for line in lines))
    filled = _Program(len(lines), code)
    syscall = ctypes.CDLL(None, use_errno=True).syscall
    syscall.argtypes = [ctypes.c_long, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_void_p]
    number = _SECCOMP[_MACHINES[machine][0]]
    if syscall(number, _SET_FILTER, _ALL_THREADS, ctypes.addressof(filled)) != 0:
        return f"the kernel takes no filter of system calls: {os.strerror(ctypes.get_errno())}"
    return ""


def program(machine: str) -> list[Instruction]:
    """The filter for one kind of machine."""
    column, architecture = _MACHINES[machine]
    lines: list[Instruction] = [
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER_AT),
    ]
    if machine == "x86_64":
        lines += [(_AT_LEAST, 0, 1, _X32_CALLS), _fail(errno.EPERM)]
    for numbers in _UNREADABLE.values():
        lines += _refused(numbers[column], errno.ENOSYS)
    for named in _NUMBERS.values():
        lines += _refused(named[column], errno.EPERM)
    for numbers_of_open, argument in _FLAGS.values():
        lines += _refused_for_writing(numbers_of_open[column], argument)
    lines += [
        (_EQUAL, 0, 3, _CLONE[column]),
        (_LOAD, 0, 0, _ARGUMENTS_AT),
        (_ANY_BIT, 1, 0, _CLONE_THREAD),
        _fail(errno.EPERM),
    ]
    return [*lines, (_RETURN, 0, 0, _ALLOW)]


def _refused(number: int | None, code: int) -> list[Instruction]:
    return [] if number is None else [(_EQUAL, 0, 1, number), _fail(code)]


def _refused_for_writing(number: int | None, argument: int) -> list[Instruction]:
    if number is None:
        return []
    writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
    return [
        (_EQUAL, 0, 4, number),
        # The lower half of the argument comes first: both machines are little-endian.
        (_LOAD, 0, 0, _ARGUMENTS_AT + 8 * argument),
        (_ANY_BIT, 0, 1, writing),
        _fail(errno.EPERM),
        (_RETURN, 0, 0, _ALLOW),
    ]


def _fail(code: int) -> Instruction:
    return (_RETURN, 0, 0, _ERRNO | code)

"""A process that is killed at each of its system calls, counted by ptrace(2). Linux only."""

from __future__ import annotations

import ctypes
import os
import signal
import warnings
from collections.abc import Callable

_TRACE_ME, _SYSCALL, _SET_OPTIONS = 0, 24, 0x4200
_KILL_WITH_TRACER = 0x100000


def run_until(operation: Callable[[], object], stop: int) -> bool:
    """Run an operation in a child process, and kill that at a stop.

    Args:
        operation: What the child does.
        stop: Every system call has two: before it is done, and after; the first stop is 0.

    Returns:
        Whether it was killed; else it ended before, as it does without us.

    Raises:
        RuntimeError: the operation itself failed.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads of libraries are not ours
        child = os.fork()
    if child == 0:
        status = 1
        try:
            libc.ptrace(_TRACE_ME, 0, None, None)
            os.kill(os.getpid(), signal.SIGSTOP)
            operation()
            status = 0
        finally:
            os._exit(status)
    os.waitpid(child, 0)
    libc.ptrace(_SET_OPTIONS, child, None, _KILL_WITH_TRACER)
    for _ in range(stop + 1):
        if libc.ptrace(_SYSCALL, child, None, None) < 0:
            raise OSError(ctypes.get_errno(), "ptrace")
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            if os.WEXITSTATUS(status):
                raise RuntimeError("the operation failed without being killed")
            return False
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True

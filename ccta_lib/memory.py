"""Freed memory is kept for the next step instead of being handed back to the system.

Each training step asks for gigabytes and frees them. The C library hands large blocks back at once and gets them anew,
page by page, each filled with zeros by the kernel.
"""

from __future__ import annotations

import ctypes
import os
import sys

SETTINGS = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**62)}
"""The same for a process that is yet to start; either in the environment means that its user has chosen."""
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # of <malloc.h>


def keep_freed_memory() -> str | None:
    """Let this process keep what it frees; returns a line for the log, None where nothing was changed.

    Only glibc knows the switch. A user's own allocator (LD_PRELOAD) or MALLOC_ settings are left alone.
    """
    if (
        not sys.platform.startswith("linux")
        or "LD_PRELOAD" in os.environ
        or SETTINGS.keys() & os.environ.keys()
    ):
        return None
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):
        return None
    if not (library.mallopt(_MMAP_MAX, 0) and library.mallopt(_TRIM_THRESHOLD, -1)):
        return None
    return "memory: freed blocks are kept for the next step (MALLOC_MMAP_MAX_=0; set it yourself to choose otherwise)"

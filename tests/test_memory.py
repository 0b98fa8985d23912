"""What a process frees it keeps, where that was asked for and nobody has chosen otherwise."""

import os
import subprocess
import sys

import pytest

from ccta_lib.memory import SETTINGS

CODE = """
import sys
import numpy as np
from ccta_lib.memory import keep_freed_memory
def resident():
    with open("/proc/self/status") as stream:
        return next(int(line.split()[1]) for line in stream if line.startswith("VmRSS"))
line = keep_freed_memory() if sys.argv[1] == "keep" else None
before = resident()
block = np.ones(15_000_000)
del block
print(resident() - before, line)
"""


def freed(how, **environment):
    inherited = {k: v for k, v in os.environ.items() if k not in SETTINGS and k != "LD_PRELOAD"}
    done = subprocess.run(
        [sys.executable, "-c", CODE, how],
        env=inherited | environment,
        check=True,
        capture_output=True,
        text=True,
    )
    kib, line = done.stdout.strip().split(" ", 1)
    return int(kib), line


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the C library's switch is glibc's")
def test_a_block_is_handed_back_or_kept():
    handed_back, none = freed("hand back")
    kept, line = freed("keep")
    assert handed_back < 20_000
    assert kept > 100_000
    assert none == "None"
    assert "kept" in line


def test_a_users_own_choice_stands():
    assert freed("keep", MALLOC_MMAP_MAX_="65536")[1] == "None"

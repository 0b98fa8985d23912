"""What may run when a book is made: its own chapters and installed packages, nothing that lies about in a folder.

A run directory can come from anybody. Python, IPython and Matplotlib look for modules, start-up files and settings in
the folder they work in; here they are told not to.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

# For a Python of ours: the folder it is started in is no place to import from (`-P`, Python 3.11).
ISOLATED = ("-P",)
# For a kernel: the same, which IPython would put back.
KERNEL = ("--InteractiveShellApp.ignore_cwd=True",)


def isolate(folder: Path) -> None:
    """Let kernels that this process starts find no start-up file, profile or figure setting but those installed.

    Parameters
    ----------
    folder : an empty folder, for what they want to write
    """
    os.environ.pop("PYTHONSTARTUP", None)
    os.environ["IPYTHONDIR"] = str(folder / "ipython")
    found = importlib.util.find_spec("matplotlib")
    if found is not None and found.origin is not None:
        os.environ["MATPLOTLIBRC"] = str(Path(found.origin).parent / "mpl-data" / "matplotlibrc")

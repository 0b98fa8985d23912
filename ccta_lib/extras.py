"""Packages that are not always installed: names that need them load on first use, and say which extra is missing."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from ccta_lib.errors import MissingExtraError

# Package of an extra to the extra; only those that a package's names are loaded for.
EXTRAS = {"torch": "train", "safetensors": "train", "openpyxl": "exports"}


def load_name(package: str, homes: Mapping[str, str], name: str) -> Any:
    """Load a public name of a package from the module it lives in: the body of the package's `__getattr__`.

    Parameters
    ----------
    package : name of the package
    homes : public name to module below the package
    name : what is asked for

    Raises
    ------
    AttributeError
        If the package has no such name.
    MissingExtraError
        If its module needs a package that is not installed.
    """
    if name not in homes:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f"{package}.{homes[name]}"), name)
    except ModuleNotFoundError as error:
        if error.name not in EXTRAS:
            raise
        extra = EXTRAS[error.name]
        raise MissingExtraError(
            f"{package}.{name} needs {error.name}; install the extra: pip install 'ccta-lib[{extra}]'"
        ) from error

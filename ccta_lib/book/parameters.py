"""The parameters of a chapter, read from its tagged cell without running it, and checked before a run.

papermill's own inspection loses unions, Literals and any line with a second equals sign, and it only warns
about an unknown name; so the cell is read with `ast` and values are checked with pydantic in strict mode.
"""

from __future__ import annotations

import ast
import json
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from ccta_lib.book import types as parameter_types
from ccta_lib.errors import ParameterError

_BUILTINS = {t.__name__: t for t in (bool, int, float, str, list, dict, tuple)}
_NAMES = {n: v for n, v in vars(parameter_types).items() if n[0].isupper()} | {"Literal": typing.Literal}


# A type is evaluated: names, literals, brackets and alternatives, and nothing that could be called or reached.
_OF_TYPES = (ast.Name, ast.Load, ast.Subscript, ast.Tuple, ast.Constant, ast.BinOp, ast.BitOr)


@dataclass(frozen=True)
class Parameter:
    """One parameter of a chapter: its name, declared type, default and meaning."""

    name: str
    annotation: str
    type: Any
    default: Any
    meaning: str

    def check(self, value: Any) -> Any:
        """Return `value` if it has the declared type.

        Raises
        ------
        ValueError
            Says what was found and what was expected.
        """
        try:
            return TypeAdapter(self.type, config=ConfigDict(strict=True)).validate_python(value)
        except ValidationError as error:
            first = error.errors()[0]
            place = "".join(f"[{p}]" for p in first["loc"])
            raise ValueError(f"found {first['input']!r}{place and f' at {place}'}; {first['msg']}") from error

    def parse(self, text: str) -> Any:
        """Turn command-line text into a value: text stays text where text is allowed, else it is JSON."""
        try:
            return self.check(text)
        except ValueError:
            pass
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            return text


def read_parameters(source: str, *, chapter: str) -> dict[str, Parameter]:
    """Read the parameters from the source of the cell tagged `parameters`.

    Parameters
    ----------
    source : Python source; each parameter is one line `name: type = default  # meaning`
    chapter : name of the chapter, for messages

    Raises
    ------
    ParameterError
        If a line cannot be read as a typed parameter with a literal default and a meaning.
    """
    lines = source.splitlines()
    found: dict[str, Parameter] = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            continue
        last = lines[(node.end_lineno or node.lineno) - 1][node.end_col_offset :]
        meaning = last.partition("#")[2].strip()
        if not (
            isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value and meaning
        ):
            raise ParameterError(
                f"chapter {chapter}, parameters cell, line {node.lineno}: found {lines[node.lineno - 1]!r}; "
                "write `name: type = default  # meaning`"
            )
        annotation = ast.unparse(node.annotation)
        try:
            if not all(isinstance(part, _OF_TYPES) for part in ast.walk(node.annotation)):
                raise TypeError("a type is made of names, brackets and |")
            kind = eval(annotation, {"__builtins__": {}}, _BUILTINS | _NAMES)
        except (NameError, TypeError) as error:
            raise ParameterError(
                f"chapter {chapter}, parameters cell, line {node.lineno}: {annotation} is no type a parameter may have "
                f"({error}); add it to ccta_lib/book/types.py"
            ) from error
        parameter = Parameter(node.target.id, annotation, kind, ast.literal_eval(node.value), meaning)
        parameter.check(parameter.default)
        found[parameter.name] = parameter
    return found


def check_parameters(
    chapter: str, known: dict[str, Parameter], given: dict[str, Any], *, where: str | Path = "-p"
) -> dict[str, Any]:
    """Check given values against the chapter's parameters and return them, complete with defaults.

    Raises
    ------
    ParameterError
        With one line per unknown name or wrong value.
    """
    faults = []
    values = {name: parameter.default for name, parameter in known.items()}
    for name, value in given.items():
        if name not in known:
            faults.append(f"{where}: chapter {chapter} has no parameter {name}; it has {', '.join(known)}")
            continue
        try:
            values[name] = known[name].check(value)
        except ValueError as error:
            faults.append(f"{where}: parameter {name} of chapter {chapter}: {error}")
    if faults:
        raise ParameterError(*faults)
    return values

"""YAML from outside: plain values only, no aliases, no key twice, bounded in size and depth.

An alias repeats what it names, so that ten lines can stand for a billion words; of a key given twice YAML takes the
last in silence.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from ccta_lib.errors import InputError

MOST_BYTES = 2**20
DEEPEST = 20


class _Loader(yaml.SafeLoader):
    """Safe loader that refuses what our files have no use for."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.get_event()
            raise yaml.composer.ComposerError(None, None, "an alias (*name); write it out", event.start_mark)
        self.depth += 1
        if self.depth > DEEPEST:
            raise yaml.composer.ComposerError(
                None, None, f"more than {DEEPEST} levels", self.peek_event().start_mark
            )
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key that is no word", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} stands twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def read_yaml(path: Path) -> Any:
    """Read a UTF-8 YAML file.

    Raises
    ------
    FileNotFoundError
        If there is none.
    InputError
        If it is no plain YAML: an alias, a tag of a programming language, a key twice, too large or too deep.
    """
    with open(path, "rb") as stream:
        data = stream.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise InputError(f"{path}: more than {MOST_BYTES} bytes; settings are a few lines")
    try:
        return yaml.load(data.decode("utf-8-sig"), Loader=_Loader)
    # A date such as 2024-13-45 is a ValueError of datetime, thousands of brackets exhaust the stack.
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise InputError(f"{path}: cannot be read as YAML in UTF-8 ({reason})") from error

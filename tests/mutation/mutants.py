"""Every mutant of a source file, each with a name that survives edits elsewhere in the file.

The operators are mutmut's. Its own runner leaves out module-level code and decorated functions, because it keeps
all mutants of a file in one copy of it; here a mutant is one changed file, so that nothing is left out.
"""

from __future__ import annotations

import ast
import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.file_mutation import MutationVisitor, OuterFunctionProvider
from mutmut.mutation.mutators import mutation_operators
from mutmut.mutation.pragma_handling import IgnoredCode

NO_FUNCTION = "<module>"


@dataclass(frozen=True)
class Mutant:
    """One change of one file; `start` and `end` are (line from 1, column from 0) of what is replaced."""

    name: str
    path: str
    function: str
    start: tuple[int, int]
    end: tuple[int, int]
    original: str
    replacement: str

    def source(self, text: str) -> str:
        """The mutated file."""
        lines = text.splitlines(keepends=True)
        before = "".join(lines[: self.start[0] - 1]) + lines[self.start[0] - 1][: self.start[1]]
        after = lines[self.end[0] - 1][self.end[1] :] + "".join(lines[self.end[0] :])
        return before + self.replacement + after

    def line(self, text: str) -> str:
        """The changed line (the first, of a change that spans several), before and after."""
        old, new = ([line.strip() for line in lines.splitlines()] for lines in (text, self.source(text)))
        at = self.start[0] - 1
        while at < min(len(old), len(new)) - 1 and old[at] == new[at]:
            at += 1
        return f"{old[at]}  ->  {new[at]}"


class _Visitor(MutationVisitor):
    """mutmut's visitor, which also enters decorated functions (properties) and notes the names around a node."""

    METADATA_DEPENDENCIES = (PositionProvider, OuterFunctionProvider)

    def __init__(self) -> None:
        super().__init__(mutation_operators, IgnoredCode(set(), set(), set()), None)
        self.around: list[str] = []
        self.found: list[tuple[str, cst.CSTNode, cst.CSTNode]] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.FunctionDef | cst.ClassDef):
            self.around.append(node.name.value)
        at = len(self.mutations)
        entered = super().on_visit(node)
        function = ".".join(self.around) or NO_FUNCTION
        self.found += [
            (function, mutation.original_node, mutation.mutated_node) for mutation in self.mutations[at:]
        ]
        return entered

    def on_leave(self, original_node: cst.CSTNode) -> None:
        if isinstance(original_node, cst.FunctionDef | cst.ClassDef):
            self.around.pop()
        super().on_leave(original_node)

    def _skip_node_and_children(self, node: cst.CSTNode) -> bool:
        return not isinstance(node, cst.FunctionDef) and super()._skip_node_and_children(node)


def mutants_of(root: Path, path: str) -> Iterator[Mutant]:
    """All mutants of `root / path`, in the order of the file.

    The name hashes path, function, the lines changed and the replacement, and counts equal changes of one function:
    it stays what it was when lines are added above.
    """
    text = (root / path).read_text(encoding="utf-8")
    lines = text.splitlines()
    wrapper = MetadataWrapper(cst.parse_module(text))
    visitor = _Visitor()
    module = wrapper.visit(visitor)
    positions = wrapper.resolve(PositionProvider)
    equal: Counter[tuple[str, ...]] = Counter()
    for function, node, mutated in visitor.found:
        place = positions[node]
        start, end = (place.start.line, place.start.column), (place.end.line, place.end.column)
        replacement = module.code_for_node(mutated)
        original = module.code_for_node(node)
        touched = "\n".join(line.strip() for line in lines[start[0] - 1 : end[0]])
        key = (path, function, touched, original, replacement)
        name = hashlib.sha1("\0".join((*key, str(equal[key]))).encode()).hexdigest()[:12]
        equal[key] += 1
        yield Mutant(name, path, function, start, end, original, replacement)


def sample(mutants: Sequence[Mutant], size: int, *, seed: int) -> list[Mutant]:
    """`size` mutants, each equally likely: those whose name hashes lowest together with the seed.

    A mutant that is in the sample stays in it when the code grows, as far as the size allows.
    """
    return sorted(mutants, key=lambda one: hashlib.sha256(f"{seed}/{one.name}".encode()).digest())[:size]


@lru_cache
def _statements(text: str) -> list[range]:
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.stmt):
            body = getattr(node, "body", None)
            last = (
                max(node.lineno, body[0].lineno - 1)
                if isinstance(body, list)
                else node.end_lineno or node.lineno
            )
            first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))])
            found.append(range(first, last + 1))
    return sorted(found, key=len)


def statement_lines(text: str, line: int) -> range:
    """The lines of the innermost statement around a line; of a compound statement only its head."""
    return next((lines for lines in _statements(text) if line in lines), range(line, line + 1))

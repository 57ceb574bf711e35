"""Rules for the structure of the code besides import-linter's contracts."""

from __future__ import annotations

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import grimp

import sessionls


def test_no_import_cycle_anywhere() -> None:
    """Imports only for type checking count, too, because readers of one file have to read the others."""
    graph = grimp.build_graph("sessionls", exclude_type_checking_imports=False, cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    TopologicalSorter(imports).prepare()  # raises CycleError, which names the modules of a cycle


def test_no_pattern_has_a_possessive_group() -> None:
    """Python before 3.11.5 matches them wrongly if the group could backtrack (gh-106052)."""
    possessive = re.compile(r"(?<!\()\)(?:[*+?]|\{[0-9,]+\})\+(?!\+)")
    found = [
        f"{path.name}:{node.lineno}"
        for path in Path(sessionls.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
        if possessive.search(node.value if isinstance(node.value, str) else node.value.decode("latin-1"))
    ]
    assert found == []

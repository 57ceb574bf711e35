"""What holds for the structure of the code beside import-linter's contracts."""

from __future__ import annotations

from graphlib import TopologicalSorter

import grimp


def test_no_import_cycle_anywhere() -> None:
    """Imports for type checking alone count, too: whoever reads one of the files has to read the others."""
    graph = grimp.build_graph("sessionls", exclude_type_checking_imports=False, cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    TopologicalSorter(imports).prepare()  # raises CycleError, which names the modules of a cycle

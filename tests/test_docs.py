"""The generated docs agree with the code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sessionls.domain.events import event_adapter
from sessionls.domain.model import Wire
from sessionls.server.schema.examples import EXAMPLES
from sessionls.server.schema.methods import ERRORS, METHODS, Method

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "protocol.md"
SCHEMA = ROOT / "docs" / "protocol.schema.json"


def test_generated_docs_are_up_to_date() -> None:
    script = [sys.executable, str(ROOT / "scripts" / "generate_docs.py"), "--check"]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"docs/protocol.* are stale: renew them with `make docs`.\n{done.stdout}{done.stderr}"


def test_every_method_and_error_is_documented() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for method in METHODS:
        assert page.count(f"### `{method.name}`\n") == 1
    for error in ERRORS:
        assert f"| {error.code} | `{error.kind}` |" in page


def test_every_link_has_a_target() -> None:
    page = PAGE.read_text(encoding="utf-8")
    targets = {line.lstrip("# ").lower().replace(" ", "-") for line in page.splitlines() if line.startswith("#")}
    links = {part.partition(")")[0] for part in page.split("](#")[1:]}
    assert links <= targets


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_every_example_is_valid(method: Method) -> None:
    params, result = EXAMPLES[method.name]
    if method.name == "session/event":
        read: Any = event_adapter.validate_python(params)
    else:
        read = method.params.model_validate(params)
    written = read.wire()
    assert params.items() <= written.items(), "an example shows a field that is none"
    assert (result is None) == (method.result is None)
    if method.result is not None:
        answer = method.result.model_validate(result)
        assert isinstance(answer, Wire)
        assert (result or {}).keys() <= answer.wire().keys()


def test_every_reference_of_the_schema_is_defined() -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    text = json.dumps(schema)
    references = {part.partition('"')[0] for part in text.split("#/$defs/")[1:]}
    assert references <= schema["$defs"].keys()
    assert set(schema["methods"]) == {method.name for method in METHODS}

"""Globs match as in git, and every pattern takes time proportional to its length and the path's."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from sessionls.domain.globs import LONGEST, Globs, expand_braces

PIECES = ["a", "b", "c", "*", "**/", "/**", "/", "?", "[ab]", "[!a]", "[a-c]", "[]]", "[", "]", "\\a", "-", "!", "[[:alpha:]]"]
PATHS = st.lists(
    st.lists(st.text("ab-]c", min_size=1, max_size=3), min_size=1, max_size=4).map("/".join), min_size=5, max_size=30, unique=True
)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repository")
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    return folder


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pattern=st.lists(st.sampled_from(PIECES), min_size=1, max_size=7).map("".join), paths=PATHS)
def test_patterns_match_as_in_git(repository: Path, pattern: str, paths: list[str]) -> None:
    # git's result for `**` next to other letters depends on uninitialized memory.
    assume(not pattern.startswith("!") and not re.search(r"[^/]\*\*|\*\*[^/*]", pattern))
    (repository / ".gitignore").write_text(f"{pattern}\n")
    done = subprocess.run(
        ["git", "-C", str(repository), "check-ignore", "--no-index", "--stdin", "-z"],
        input="\0".join(paths).encode(),
        capture_output=True,
        check=False,
    )
    globs = Globs([pattern])
    assert {path for path in paths if globs.match(path)} == {path for path in done.stdout.decode().split("\0") if path}


def test_the_last_pattern_that_matches_counts() -> None:
    globs = Globs(["# a comment", "", "*.log", "!keep.log", "build/", r"\#odd ", "end\\ "])
    verdicts = {path: globs.verdict(path) for path in ("a.log", "x/keep.log", "build/", "build", "build/a", "#odd", "end ", "z")}
    assert verdicts == {
        "a.log": True,
        "x/keep.log": False,
        "build/": True,
        "build": None,
        "build/a": True,
        "#odd": True,
        "end ": True,
        "z": None,
    }


def test_braces_are_expanded() -> None:
    assert sorted(expand_braces("src/{a,b{c,d}}/*.{py, pyi}")) == [
        f"src/{name}/*.{ending}" for name in ("a", "bc", "bd") for ending in ("py", "pyi")
    ]
    for glob in ("{a}", "a}{b", "{a," * 300):
        assert expand_braces(glob) == [glob]
    for glob in ("{a,b}" * 20, "{" + ",".join(map(str, range(200))) + "}", "a" * (LONGEST + 1)):
        with pytest.raises(ValueError, match="glob"):
            expand_braces(glob)


@pytest.mark.parametrize(
    "pattern",
    ["*a" * 400 + "b", "**/a/" * 150 + "b", "*" * 900 + "b", "**/*a*a*a*/" * 40 + "b", "?*" * 300 + "b", "[a]*" * 200 + "b"],
)
def test_no_pattern_takes_exponential_time(pattern: str) -> None:
    # As a plain regular expression each of these would take years.
    globs = Globs([pattern])
    assert not globs.match("a" * 4000) and not globs.match("a/" * 2000 + "a") and not globs.match("aaaa/" * 800)

"""Scanners: programs that look for faults, run over files of the workspace; what they find becomes findings.

ruff and bandit are known; any other program that writes SARIF comes from the participant's own settings, never from a
workspace. A document with unsaved changes is scanned as the editor has it, so that places are those of the buffer.
"""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sessionls.domain import uris
from sessionls.environment import child_environment
from sessionls.globs import Globs
from sessionls.installed import find_program
from sessionls.sessions.workspace.workspace import ResolvedFile
from sessionls.tools.files import glob_filter
from sessionls.tools.programs import Outcome, run_program
from sessionls.tools.sarif import NotSarif, Result, Severity, read_bandit, read_sarif

__all__ = ["Scanned", "Scanner", "Target", "builtin_scanners", "scan_files", "user_scanner"]

SECONDS = 120.0
_OUTPUT = 64 << 20  # bytes of one scanner's report
_BATCH_FILES = 400
_BATCH_CHARACTERS = 24_000  # of a command line; Windows takes 32,767
_AT_ONCE = 4  # programs
FILES = "{files}"


@dataclass(frozen=True, slots=True)
class Scanner:
    """A program and how it is called. `{files}` in `command` stands for the files.

    `alone`: how it is called for one text on its standard input, `{file}` being the path that the text belongs to; without
    it such a text is written to a temporary folder. `read` gives the results of its output. `judge` may think otherwise of
    a result's severity than the program.
    """

    name: str
    command: tuple[str, ...]
    globs: tuple[str, ...]
    read: Callable[[str, str], list[Result]] = read_sarif
    alone: tuple[str, ...] = ()
    judge: Callable[[Result], Severity] | None = None
    specs: tuple[Globs, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "specs", tuple(glob_filter(glob) for glob in self.globs))

    def wants(self, name: str) -> bool:
        """Whether it looks at files of that name (path from the folder, with `/`)."""
        return any(spec.match(name) for spec in self.specs)


@dataclass(frozen=True, slots=True)
class Target:
    """A file to scan. `text`: what the editor has, where that is not what the disk has."""

    place: ResolvedFile
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Scanned:
    """What one scanner found, each result with its file; `problem`: why it found less than it should have."""

    scanner: str
    results: Sequence[tuple[Target, Result]]
    files: int
    problem: str | None = None


# -- the scanners that are known -------------------------------------------------------------------------------------

_PYTHON = ("*.py", "*.pyi")
_RUFF = (
    *("ruff", "check", "--output-format=sarif", "--no-cache", "--force-exclude", "--exit-zero"),
    # A project's settings say which rules; they must not make it change files.
    *("--no-fix", "--no-fix-only", "--no-show-fixes", "--quiet"),
)
# In the words of ruff's documentation: what is wrong at run time, and what is likely wrong.
_RUFF_ERRORS = re.compile(r"invalid-syntax|(E9|F[567]\d|F82|PLE\d)\d*$|B006$|B023$")
_RUFF_WARNINGS = re.compile(r"(F|S|B|PLW|ASYNC|BLE|DTZ|E7)\d+$|RUF006$")


def _judge_ruff(result: Result) -> Severity:
    """To ruff everything is an error; a blank too many is none."""
    rule = result.rule or ""
    if _RUFF_ERRORS.match(rule):
        return 1
    return 2 if _RUFF_WARNINGS.match(rule) else 3


def builtin_scanners() -> tuple[Scanner, ...]:
    return (
        Scanner(
            "ruff",
            (*_RUFF, "--", FILES),
            (*_PYTHON, "*.ipynb"),
            alone=(*_RUFF, "--stdin-filename", "{file}", "-"),
            judge=_judge_ruff,
        ),
        Scanner(
            # A .bandit file counts only where bandit is given a folder; it is given files.
            "bandit",
            ("bandit", "--quiet", "--format=json", "--exit-zero", FILES),
            ("*.py",),
            read=read_bandit,
            alone=("bandit", "--quiet", "--format=json", "--exit-zero", "-"),
        ),
    )


def user_scanner(name: str, command: Sequence[str], globs: Sequence[str]) -> Scanner:
    """One of the participant's settings. Without `{files}` in its command the files stand at the end."""
    words = tuple(command)
    return Scanner(name, words if FILES in words else (*words, FILES), tuple(globs) or ("*",))


# -- running them ----------------------------------------------------------------------------------------------------


async def scan_files(
    scanners: Sequence[Scanner],
    targets: Sequence[Target],
    *,
    never_in: Sequence[Path] = (),
    seconds: float = SECONDS,
    variables: Sequence[str] = (),
) -> list[Scanned]:
    """Run each scanner over those of the files that it wants, several at once. Cancelling ends them.

    `variables` are those of the environment that scanners get beside the usual ones (see `child_environment`).
    """
    environment = child_environment(also=variables) | {"NO_COLOR": "1", "PYTHONUTF8": "1"}
    gate = asyncio.Semaphore(_AT_ONCE)
    jobs: list[asyncio.Task[Scanned]] = []
    async with asyncio.TaskGroup() as group:
        for scanner in scanners:
            wanted = [target for target in targets if scanner.wants(target.place.name)]
            jobs.append(group.create_task(_Run(scanner, wanted, gate, tuple(never_in), seconds, environment).all()))
    return [job.result() for job in jobs]


@dataclass(frozen=True, slots=True)
class _Run:
    scanner: Scanner
    targets: Sequence[Target]
    gate: asyncio.Semaphore
    never_in: tuple[Path, ...]
    seconds: float
    environment: Mapping[str, str]

    async def all(self) -> Scanned:
        if not self.targets:
            return Scanned(self.scanner.name, (), 0)
        program = await asyncio.to_thread(find_program, self.scanner.command[0], never_in=self.never_in)
        if program is None:
            return Scanned(self.scanner.name, (), 0, "it is not installed")
        saved = [target for target in self.targets if target.text is None]
        results: list[tuple[Target, Result]] = []
        problems: list[str] = []
        jobs = [asyncio.ensure_future(self._batch(program, batch)) for batch in _batches(saved)]
        jobs += [asyncio.ensure_future(self._text(program, target)) for target in self.targets if target.text is not None]
        try:
            for found, problem in await asyncio.gather(*jobs):
                results += found
                if problem is not None:
                    problems.append(problem)
        finally:
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)
        return Scanned(self.scanner.name, results, len(self.targets), "; ".join(dict.fromkeys(problems)) or None)

    async def _batch(self, program: str, batch: Sequence[Target]) -> tuple[list[tuple[Target, Result]], str | None]:
        """Scan files as they are on the disk."""
        paths = {os.path.normcase(target.place.path): target for target in batch}
        words = _filled(self.scanner.command, [str(target.place.path) for target in batch])
        results, problem = await self._run(program, words, batch[0].place.root)
        found = [(target, one) for one in results if (target := paths.get(_path(one.where, batch[0].place.root))) is not None]
        return found, problem

    async def _text(self, program: str, target: Target) -> tuple[list[tuple[Target, Result]], str | None]:
        """Scan one document as the editor has it. Whatever file the scanner names, it is about that one."""
        assert target.text is not None
        data = target.text.encode()
        root = target.place.root
        if self.scanner.alone:
            words = [word.replace("{file}", str(target.place.path)) for word in self.scanner.alone]
            results, problem = await self._run(program, words, root, data)
            return [(target, one) for one in results], problem
        folder = await asyncio.to_thread(tempfile.TemporaryDirectory, prefix="sessionls-", ignore_cleanup_errors=True)
        try:
            copy = await asyncio.to_thread(_copied, folder.name, target.place.name, data)
            results, problem = await self._run(program, _filled(self.scanner.command, [str(copy)]), copy.parent)
            known = os.path.normcase(copy)
            return [(target, one) for one in results if _path(one.where, copy.parent) == known], problem
        finally:
            await asyncio.shield(asyncio.to_thread(folder.cleanup))

    async def _run(
        self, program: str, words: Sequence[str], cwd: Path, stdin: bytes | None = None
    ) -> tuple[list[Result], str | None]:
        async with self.gate:
            try:
                outcome = await run_program(
                    [program, *words[1:]],
                    cwd=cwd,
                    stdin=stdin,
                    seconds=self.seconds,
                    limit=_OUTPUT,
                    environment=self.environment,
                )
            except OSError as error:
                return [], f"it did not start: {error.strerror}"
        if outcome.cut:
            return [], f"it took longer than {self.seconds:.0f} s, or said too much"
        try:
            text = outcome.output.decode("utf-8", "replace")
            results = await asyncio.to_thread(self.scanner.read, text, self.scanner.name)
        except NotSarif as problem:
            return [], _explained(str(problem), outcome, cwd)
        judge = self.scanner.judge
        return [one if judge is None else replace(one, severity=judge(one)) for one in results], None


def _batches(targets: Sequence[Target]) -> list[list[Target]]:
    """Files of one folder each, as many as fit on a command line."""
    batches: list[list[Target]] = []
    size = 0
    for target in sorted(targets, key=lambda target: str(target.place.root)):
        length = len(str(target.place.path)) + 3
        last = batches[-1] if batches else None
        fits = last is not None and last[0].place.root == target.place.root and len(last) < _BATCH_FILES
        if last is None or not fits or size + length > _BATCH_CHARACTERS:
            batches.append([target])
            size = length
        else:
            last.append(target)
            size += length
    return batches


def _filled(command: Sequence[str], files: Sequence[str]) -> list[str]:
    return [word for given in command for word in (files if given == FILES else [given])]


def _path(where: str, base: Path) -> str:
    """The real path that a scanner named, by URI or by path, comparable."""
    path = uris.to_path(where) if uris.is_uri(where) else None
    if path is None:
        path = where if Path(where).is_absolute() else uris.to_path(f"{uris.from_path(base)}/{where}")
    return os.path.normcase(os.path.normpath(path or where))


def _copied(folder: str, name: str, data: bytes) -> Path:
    path = Path(os.path.realpath(folder), *name.split("/"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def _explained(problem: str, outcome: Outcome, cwd: Path) -> str:
    """Why there is no report, with the last that the program said, without where that is on this machine."""
    said = outcome.errors.decode("utf-8", "replace").strip().replace(str(cwd), ".").splitlines()
    last = uris.printable(" ".join(said[-1].split()))[:300] if said else ""
    return f"{problem} (exit code {outcome.code}){f': {last}' if last else ''}"

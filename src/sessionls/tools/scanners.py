"""Scanners: programs that search files of the workspace for defects. Their results become findings.

ruff and bandit are built in. Any other program that writes SARIF can be added in the participant's own settings, but not by a
workspace. A document with unsaved changes is scanned with the editor's text, so that positions fit the buffer.
"""

from __future__ import annotations

import asyncio
import codecs
import os
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sessionls.domain import uris
from sessionls.domain.globs import Globs
from sessionls.environment import child_environment
from sessionls.installed import find_program
from sessionls.program_runner import Outcome, run_program
from sessionls.sessions.workspace.workspace import ResolvedFile
from sessionls.tools.files import glob_filter
from sessionls.tools.sarif import NotSarif, Report, Result, Severity, read_bandit, read_sarif

__all__ = ["NOT_INSTALLED", "OUTPUT_BYTES", "Scanned", "Scanner", "Target", "builtin_scanners", "scan_files", "user_scanner"]

SECONDS = 120.0
OUTPUT_BYTES = 64 << 20  # of one scanner's report
_BATCH_FILES = 400
_BATCH_CHARACTERS = 24_000  # of a command line; Windows takes 32,767
_AT_ONCE = 4  # programs
FILES = "{files}"
NOT_INSTALLED = "it is not installed"


@dataclass(frozen=True, slots=True)
class Scanner:
    """A program and its command line. `{files}` in `command` is replaced with the files.

    `alone` is the command line for a text on standard input, with `{file}` as its path; without it, the text is written to a
    temporary folder. `read` parses the output. `judge` may override the severity of a result.
    """

    name: str
    command: tuple[str, ...]
    globs: tuple[str, ...]
    read: Callable[[str, str], Report] = read_sarif
    alone: tuple[str, ...] = ()
    judge: Callable[[Result], Severity] | None = None
    specs: tuple[Globs, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "specs", tuple(glob_filter(glob) for glob in self.globs))

    def supports(self, name: str) -> bool:
        """Whether it supports files with that name (relative path, with `/`)."""
        return any(spec.match(name) for spec in self.specs)


@dataclass(frozen=True, slots=True)
class Target:
    """A file to scan. `text` is the editor's text, if it differs from the file."""

    file: ResolvedFile
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Scanned:
    """The results of one scanner, each with its file. `problem`: why they are incomplete.

    `notes`: further information in its report.
    """

    scanner: str
    results: Sequence[tuple[Target, Result]]
    files: int
    problem: str | None = None
    notes: Sequence[str] = ()

    @property
    def failed(self) -> bool:
        """Whether it ran and failed."""
        return self.problem not in (None, NOT_INSTALLED)


# -- built-in scanners -----------------------------------------------------------------------------------------------

_PYTHON = ("*.py", "*.pyi")
_RUFF = (
    *("ruff", "check", "--output-format=sarif", "--no-cache", "--force-exclude", "--exit-zero"),
    # The project's settings may choose rules, but must not make ruff change files.
    *("--no-fix", "--no-fix-only", "--no-show-fixes", "--quiet"),
)
# According to ruff's documentation: runtime errors and likely errors.
_RUFF_ERRORS = re.compile(r"invalid-syntax|(E9|F[567]\d|F82|PLE\d)\d*$|B006$|B023$")
_RUFF_WARNINGS = re.compile(r"(F|S|B|PLW|ASYNC|BLE|DTZ|E7)\d+$|RUF006$")


def _judge_ruff(result: Result) -> Severity:
    """The severity of a result. (ruff reports everything as an error, even trailing whitespace.)"""
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
            # bandit reads .bandit files only for folders, but here it gets files.
            "bandit",
            ("bandit", "--quiet", "--format=json", "--exit-zero", FILES),
            ("*.py",),
            read=read_bandit,
            alone=("bandit", "--quiet", "--format=json", "--exit-zero", "-"),
        ),
    )


def user_scanner(name: str, command: Sequence[str], globs: Sequence[str]) -> Scanner:
    """A scanner from the participant's settings. Without `{files}` in its command, the files are appended."""
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
    output_bytes: int = OUTPUT_BYTES,
) -> list[Scanned]:
    """Run each scanner on the files that it supports, several at once. Cancelling stops them.

    `variables` are environment variables that scanners get besides the usual ones (see `child_environment`).
    """
    environment = child_environment(also=variables) | {"NO_COLOR": "1", "PYTHONUTF8": "1"}
    gate = asyncio.Semaphore(_AT_ONCE)
    jobs: list[asyncio.Task[Scanned]] = []
    async with asyncio.TaskGroup() as group:
        for scanner in scanners:
            supported = [target for target in targets if scanner.supports(target.file.name)]
            jobs.append(
                group.create_task(_Run(scanner, supported, gate, tuple(never_in), seconds, output_bytes, environment).all())
            )
    return [job.result() for job in jobs]


@dataclass(frozen=True, slots=True)
class _Run:
    scanner: Scanner
    targets: Sequence[Target]
    gate: asyncio.Semaphore
    never_in: tuple[Path, ...]
    seconds: float
    output_bytes: int
    environment: Mapping[str, str]

    async def all(self) -> Scanned:
        if not self.targets:
            return Scanned(self.scanner.name, (), 0)
        program = await asyncio.to_thread(find_program, self.scanner.command[0], never_in=self.never_in)
        if program is None:
            return Scanned(self.scanner.name, (), 0, NOT_INSTALLED)
        saved = [target for target in self.targets if target.text is None]
        results: list[tuple[Target, Result]] = []
        problems: list[str] = []
        notes: list[str] = []
        left_out = [0, 0]
        jobs = [asyncio.ensure_future(self._batch(program, batch)) for batch in _batches(saved)]
        jobs += [asyncio.ensure_future(self._text(program, target)) for target in self.targets if target.text is not None]
        try:
            for part in await asyncio.gather(*jobs):
                results += part.found
                notes += part.notes
                left_out = [left_out[0] + part.without_file, left_out[1] + part.for_other_files]
                if part.problem is not None:
                    problems.append(part.problem)
        finally:
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)
        for count, words in zip(left_out, ("without a file", "for files that were not scanned"), strict=True):
            if count:
                notes.append(f"{count:,} results {words} were left out")
        return Scanned(
            self.scanner.name, results, len(self.targets), "; ".join(dict.fromkeys(problems)) or None, tuple(dict.fromkeys(notes))
        )

    async def _batch(self, program: str, batch: Sequence[Target]) -> _Part:
        """Scan files on disk."""
        words = _filled(self.scanner.command, [str(target.file.path) for target in batch])
        report, problem = await self._run(program, words, batch[0].file.root)
        files = {os.path.normcase(target.file.path): target for target in batch}
        return await asyncio.to_thread(_match_files, report, problem, files, batch[0].file.root)

    async def _text(self, program: str, target: Target) -> _Part:
        """Scan the editor's text of a document. All results are about it, whichever file the scanner names."""
        assert target.text is not None
        data = target.text.encode()
        root = target.file.root
        if self.scanner.alone:
            words = [word.replace("{file}", str(target.file.path)) for word in self.scanner.alone]
            report, problem = await self._run(program, words, root, data)
            return _Part([(target, result) for result in report.results], problem, report.notes)
        folder = await asyncio.to_thread(tempfile.TemporaryDirectory, prefix="sessionls-", ignore_cleanup_errors=True)
        try:
            copy = await asyncio.to_thread(_copied, folder.name, target.file.name, data)
            report, problem = await self._run(program, _filled(self.scanner.command, [str(copy)]), copy.parent)
            return await asyncio.to_thread(_match_files, report, problem, {os.path.normcase(copy): target}, copy.parent)
        finally:
            await asyncio.shield(asyncio.to_thread(folder.cleanup))

    async def _run(self, program: str, words: Sequence[str], cwd: Path, stdin: bytes | None = None) -> tuple[Report, str | None]:
        async with self.gate:
            try:
                outcome = await run_program(
                    [program, *words[1:]],
                    cwd=cwd,
                    stdin=stdin,
                    seconds=self.seconds,
                    limit=self.output_bytes,
                    environment=self.environment,
                )
            except OSError as error:
                return Report(()), f"it did not start: {error.strerror}"
        if outcome.stopped:
            return Report(()), f"it took longer than {self.seconds:.0f} s, or its output was too long"
        try:
            report = await asyncio.to_thread(lambda: self.scanner.read(_decoded(outcome.output), self.scanner.name))
        except NotSarif as problem:
            return Report(()), _explained(str(problem), outcome, cwd)
        judge = self.scanner.judge
        judged = [result if judge is None else replace(result, severity=judge(result)) for result in report.results]
        return Report(judged, report.notes), None


@dataclass(frozen=True, slots=True)
class _Part:
    """The results of one call of the scanner. `without_file` and `for_other_files` count results that were left out."""

    found: Sequence[tuple[Target, Result]]
    problem: str | None
    notes: Sequence[str] = ()
    without_file: int = 0
    for_other_files: int = 0


def _match_files(report: Report, problem: str | None, files: Mapping[str, Target], base: Path) -> _Part:
    """Match results with files by their paths. A result without a file belongs to the only scanned file, if there is one."""
    found: list[tuple[Target, Result]] = []
    only = next(iter(files.values())) if len(files) == 1 else None
    without_file = for_other_files = 0
    for result in report.results:
        target = next((files[path] for path in _paths(result, base) if path in files), None) or _moved(result, files)
        if target is not None:
            found.append((target, result))
        elif result.where:
            for_other_files += 1
        elif only is not None:
            found.append(
                (
                    only,
                    replace(
                        result, note=result.note or "The scanner did not name a file. This is the only file that it scanned."
                    ),
                )
            )
        else:
            without_file += 1
    return _Part(found, problem, report.notes, without_file, for_other_files)


def _paths(result: Result, base: Path) -> list[str]:
    """The normalized real paths that a result may mean: its file name as a URI, or else as a path."""
    found = []
    for where in filter(None, (result.where, result.or_where)):
        if uris.is_uri(where):
            found.append(uris.to_path(where))
        else:
            found += [str(base / where), uris.to_path(f"{uris.from_path(base)}/{where}")]
    return [os.path.normcase(os.path.normpath(path)) for path in found if path is not None]


def _moved(result: Result, files: Mapping[str, Target]) -> Target | None:
    """The only file whose path has the same ending as that of a result from another system, such as a container."""
    for where in filter(None, (result.where, result.or_where)):
        if uris.is_uri(where) and not where.lower().startswith("file:"):
            continue
        path = uris.path_of(where)
        if not path.startswith("/") and not re.match(r"[A-Za-z]:/", path):
            continue
        if os.path.lexists(path):  # a different file on this system
            return None
        ends = [target for target in files.values() if path.endswith(f"/{target.file.name}")]
        if len(ends) == 1:
            return ends[0]
    return None


def _decoded(output: bytes) -> str:
    """The text of a report. (Windows shells redirect output as UTF-16.)"""
    utf16 = output.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return output.decode("utf-16" if utf16 else "utf-8-sig", "replace")


def _batches(targets: Sequence[Target]) -> list[list[Target]]:
    """Batches of files from one folder, as large as a command line allows."""
    batches: list[list[Target]] = []
    size = 0
    for target in sorted(targets, key=lambda target: str(target.file.root)):
        length = len(str(target.file.path)) + 3
        last = batches[-1] if batches else None
        fits = last is not None and last[0].file.root == target.file.root and len(last) < _BATCH_FILES
        if last is None or not fits or size + length > _BATCH_CHARACTERS:
            batches.append([target])
            size = length
        else:
            last.append(target)
            size += length
    return batches


def _filled(command: Sequence[str], files: Sequence[str]) -> list[str]:
    return [word for given in command for word in (files if given == FILES else [given])]


def _copied(folder: str, name: str, data: bytes) -> Path:
    path = Path(os.path.realpath(folder), *name.split("/"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def _explained(problem: str, outcome: Outcome, cwd: Path) -> str:
    """Why there is no report, with the program's last error line, without paths of this machine."""
    lines = outcome.errors.decode("utf-8", "replace").strip().replace(str(cwd), ".").splitlines()
    last = uris.printable(" ".join(lines[-1].split()))[:300] if lines else ""
    return f"{problem} (exit code {outcome.code}){f': {last}' if last else ''}"

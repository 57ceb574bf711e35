"""Files from which other programs start programs later: what `make`, a package manager, git, an editor or CI reads and then runs.

Writing one of these amounts to running a command later, on someone else's initiative. So agents need permission each time, also
where they may write, unless a rule names these files (see `docs/tools.md`). This is the only list of them. Files that configure
sessionls are not in it: no permission lets agents write those (`protected_paths.py`). Nor are secret files (`.envrc`, `.npmrc`,
`.git/`).
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

from sessionls.domain import uris
from sessionls.domain.globs import Globs, expand_braces
from sessionls.sessions.workspace.workspace import ResolvedFile

__all__ = ["STARTUP_FILES", "startup_reason", "uri_key"]

STARTUP_FILES: dict[str, str] = {
    "VS Code": (".vscode/ .vs/ .theia/"),
    "an editor": (
        ".idea/ .run/ .fleet/ .nova/ .zed/ .helix/ .kakrc *.sublime-project .nvim.lua .nvimrc .exrc .vimrc .lvimrc "
        ".dir-locals.el .dir-locals-2.el .luarc.json coc-settings.json"
    ),
    "another agent": (
        ".claude/ .cursor/ .gemini/ .codex/ .windsurf/ .continue/ .amazonq/ .roo/ .kiro/ .opencode/ opencode.json "
        "opencode.jsonc .aider.conf.yml .copilot/ .agents/ .github/skills/"
    ),
    "git": (
        ".gitattributes .gitmodules .gitconfig .lfsconfig .githooks/ .hooks/ hooks/*.sample .husky/ .huskyrc* "
        ".lefthook/ {,.}lefthook*.{yml,yaml,toml,json} .pre-commit-*.yaml .pre-commit-*.yml .lintstagedrc* "
        ".overcommit.yml .simple-git-hooks.* .commitlintrc* .git-hooks/"
    ),
    "CI": (
        ".github/workflows/ .github/actions/ .github/hooks/ action.yml action.yaml .gitlab-ci*.{yml,yaml} .gitlab/ "
        ".circleci/ jenkinsfile* .travis.yml azure-pipelines*.{yml,yaml} .azure-pipelines/ bitbucket-pipelines.yml "
        ".drone.{yml,yaml} .woodpecker*.{yml,yaml} .woodpecker/ {,.}appveyor.yml .buildkite/ buildspec*.yml "
        "cloudbuild.{yaml,json} .semaphore/ .cirrus.{yml,star} .forgejo/ .gitea/ codefresh.yml .teamcity/ .builds/ "
        ".build.yml netlify.toml vercel.json fly.toml render.yaml procfile app.json .ci/"
    ),
    "the shell": (
        ".bashrc .bash_profile .bash_login .bash_logout .profile .zshrc .zshenv .zprofile .zlogin config.fish .inputrc "
        ".direnvrc .autoenv .tool-versions {,.}mise*.toml .mise/ .config/mise/ .config/mise.toml .rtx.toml devbox.json "
        "devenv.nix flake.nix shell.nix default.nix autorun.inf .config/autostart/ .config/systemd/ .config/fish/"
    ),
    "make": ("makefile gnumakefile makefile.* *.mk *.mak"),
    "a task runner": (
        "{,.}justfile *.just taskfile.{yml,yaml} taskfile.dist.{yml,yaml} rakefile *.rake gulpfile* gruntfile* jakefile "
        "tasks.py fabfile.py dodo.py noxfile.py sconstruct sconscript wscript magefile.go magefiles/ .air.toml "
        "guardfile capfile fastfile dangerfile vagrantfile tiltfile earthfile skaffold.yaml"
    ),
    "a build": (
        "cmakelists.txt *.cmake cmake*presets.json configure configure.ac *.m4 meson.build build build.bazel workspace "
        "workspace.bazel module.bazel *.bzl .bazelrc build.ninja xmake.lua premake*.lua conanfile.* build.xml build.zig "
        "dune dune-project *.nimble nim.cfg config.nims setup.hs *.cabal stack.yaml makefile.pl build.pl rebar.config "
        "mix.exs package.swift *.xcodeproj/ pubspec.yaml build.yaml *.tf ansible.cfg"
    ),
    "Python": (
        "conftest.py sitecustomize.py usercustomize.py *.pth setup.py setup.cfg pyproject.toml tox.ini pytest.ini "
        ".pytest.ini hatch.toml hatch_build.py pixi.toml pipfile pdm.toml uv.toml {,.}pylintrc {,.}mypy.ini .flake8 "
        ".pdbrc .pythonrc gunicorn.conf.py .ipython/ ipython_config.py"
    ),
    "Node": (
        "package.json .yarnrc .yarn/ {,.}pnpmfile.{js,cjs,mjs} pnpm-workspace.yaml deno.json deno.jsonc bunfig.toml "
        "binding.gyp *.config.{js,cjs,mjs,ts,cts,mts} .eslintrc* .prettierrc* .babelrc* .mocharc* .stylelintrc* .swcrc "
        ".parcelrc nx.json project.json turbo.json lerna.json"
    ),
    "cargo": ("cargo.toml build.rs .cargo/ rust-toolchain rust-toolchain.toml cross.toml .config/nextest.toml"),
    "a build of the JVM": (
        "*.gradle *.gradle.kts gradlew gradlew.bat gradle.properties gradle/ pom.xml mvnw mvnw.cmd .mvn/ *.sbt build.sc "
        "build.mill .sbtopts .jvmopts"
    ),
    "a build of .NET": ("*.csproj *.fsproj *.vbproj *.props *.targets nuget.config global.json .config/dotnet-tools.json"),
    "Ruby": ("gemfile *.gemspec .irbrc .pryrc .rspec config.ru podfile .rubocop.yml .bundle/"),
    "another language's tools": ("composer.json phpunit.xml* .rprofile .ocamlinit .ghci .iex.exs .golangci.{yml,yaml,toml,json}"),
    "a debugger": (".gdbinit .lldbinit"),
    "a container": (
        "dockerfile* *.dockerfile containerfile* {docker-,}compose*.{yml,yaml} .devcontainer/ .devcontainer.json "
        "devcontainer.json .gitpod.yml .gitpod.dockerfile"
    ),
}
"""Who runs a file, and its names, in lower case and as in .gitignore: without an inner slash they match in any folder."""


def startup_reason(file: ResolvedFile, workspace: Sequence[str]) -> str | None:
    """Who starts programs from that file, by its name or because such a file links to it; None for any other.

    `workspace` are the URIs of its folders. Touches the disk.
    """
    for name in (file.name, uris.path_of(file.display), file.display):
        for who, globs in _globs():
            if globs.match(uri_key(name)):
                return who
    roots = [Path(path) for folder in workspace if (path := uris.to_path(folder)) is not None]
    inside = (who for who, folder in _folders(roots) if file.path.is_relative_to(os.path.realpath(folder)))
    return next(inside, None) or next((who for who, path in _linked(roots) if _same(path, file.path)), None)


def uri_key(name: str) -> str:
    """The name as file systems compare it: without case, invisible characters, and endings that Windows drops."""
    plain = "".join(letter for letter in unicodedata.normalize("NFC", name) if unicodedata.category(letter) != "Cf")
    # Windows also finds a file by its name with trailing dots and blanks, or with a stream name.
    parts = [part.partition(":")[0].rstrip(". ") or part for part in plain.casefold().replace("\\", "/").split("/")]
    return "/".join(parts)


@cache
def _patterns() -> dict[str, list[str]]:
    return {who: [pattern for glob in globs.split() for pattern in expand_braces(glob)] for who, globs in STARTUP_FILES.items()}


@cache
def _globs() -> tuple[tuple[str, Globs], ...]:
    return tuple((who, Globs(patterns, exact=True)) for who, patterns in _patterns().items())


def _folders(roots: Iterable[Path]) -> Iterator[tuple[str, Path]]:
    """The listed folders at the top of the workspace folders."""
    for who, patterns in _patterns().items():
        for pattern in patterns:
            if pattern.endswith("/") and not set(pattern) & set("*?["):
                yield from ((who, root / pattern) for root in roots)


def _linked(roots: Iterable[Path]) -> Iterator[tuple[str, Path]]:
    """The files that may be links: listed files at the top of the folders, and all files in listed folders."""
    for root in roots:
        for inside in (
            ".",
            ".github/workflows",
            ".husky",
            ".githooks",
            ".vscode",
            ".claude",
            ".cargo",
            ".devcontainer",
            ".circleci",
        ):
            for name in _names(root / inside):
                path = f"{inside}/{name}" if inside != "." else name
                who = next((who for who, globs in _globs() if globs.match(uri_key(path))), None)
                if who is not None:
                    yield who, root / inside / name


def _names(folder: Path) -> list[str]:
    """The entries of a folder that have another name, too: symbolic links, and files with several hard links."""
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries if entry.is_symlink() or entry.stat().st_nlink > 1]
    except OSError:
        return []


def _same(path: Path, other: Path) -> bool:
    try:
        return os.path.samefile(path, other)  # noqa: PTH121
    except OSError:  # its target does not exist yet; a file written there becomes it
        return os.path.realpath(path) == os.path.realpath(other)

"""Keys, tokens and passwords are masked before a session leaves this machine, and other text stays."""

from __future__ import annotations

import asyncio
import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from in_process_app import app, write_agent
from model_server import Answer, ModelServer
from sessionls.cli.commands import app as commands
from sessionls.domain.model import TextContext
from sessionls.masking import _applicable, _library_rules, find_secrets, mask, mask_tree
from sessionls.sessions.composing import Outgoing

# Put together here, so that no scanner takes them for real ones.
AWS = "AKIA" + "IOSFODNN7ABCDEFG"
GITHUB = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
GITLAB = "glpat-" + "aB3dE6gH9jK2mN5pQ8sT"
JWT = "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0NTY3ODkwIn0" + ".dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
OPENAI = "sk-proj-" + "aB3dE6gH9jK2mN5pQ8sT" * 3
SLACK = "xoxb-" + "123456789012-123456789012-aBcDeFgHiJkLmNoPqRsTuVwX"
STRIPE = "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc"
TOKENS = (AWS, GITHUB, GITLAB, JWT, OPENAI, SLACK, STRIPE)


@pytest.mark.parametrize("token", TOKENS, ids=lambda token: token[:6])
@pytest.mark.parametrize("around", ["{}", "Use {} for it.", "KEY={}\nmore", '"{}"', "({}),", "`{}`", "a\n\n{}\n\nb", "{}, and"])
def test_a_token_is_masked_anywhere_in_a_text(token: str, around: str) -> None:
    masked, secrets = mask(around.format(token))
    assert len(secrets) == 1
    assert all(token[start : start + 8] not in masked for start in range(4, len(token) - 8)), masked
    assert "[masked: " in masked
    before, after = around.split("{}")
    assert masked.endswith(after[-1:]) and masked.startswith(before[:1])


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("postgres://bob:hunter2@db.example.org/x", "hunter2"),
        ("https://bob:s3cr3t-w0rd@example.org", "s3cr3t-w0rd"),
        ("Authorization: Bearer abcdefGHIJKL12345678", "abcdefGHIJKL12345678"),
        ("curl -H 'authorization: basic dXNlcjpwYXNzd29yZDEyMw=='", "dXNlcjpwYXNzd29yZDEyMw=="),
        ("password = 'tr0ub4dor'", "tr0ub4dor"),
        ('"password": "correct-horse"', "correct-horse"),
        ("DB_PASSWORD=Tr0ub4dor&3", "Tr0ub4dor&3"),
        ("api_key: 1234abcd5678efgh", "1234abcd5678efgh"),
        ("export MY_SECRET_TOKEN=abc123def456", "abc123def456"),
        ("client_secret := `f00barb4z99`", "f00barb4z99"),
    ],
)
def test_a_value_is_masked_if_its_name_means_a_secret(text: str, hidden: str) -> None:
    masked, _ = mask(text)
    assert hidden not in masked
    assert text.partition(hidden)[0] == masked.partition("[masked: ")[0]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The password: is long enough.",
        "commit 9b2c6f0c1d3e4f5a6b7c8d9e0f1a2b3c4d5e6f70",
        "session 0192a1b2-0000-7000-8000-000000000001",
        "token = get_token()",
        "api_key: ${API_KEY}",
        "password = <your password>",
        "api_key = os.environ['API_KEY_2']",
        "max_tokens=4096000000",
        "PASSWORD=********",
        "the key=value pairs, primary_key=True",
        "see https://example.org/a:b/c@d and file:///home/ann/x.py",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "sk-learn and sk-image",
        "192.168.0.1 and 8.8.8.8",
        "basic understanding of authorization",
    ],
)
def test_text_that_is_not_secret_is_not_masked(text: str) -> None:
    assert mask(text) == (text, [])


def test_a_private_key_is_masked_with_all_its_lines() -> None:
    begin, end = "-----BEGIN RSA " + "PRIVATE KEY-----", "-----END RSA " + "PRIVATE KEY-----"
    masked, _ = mask(f"before\n{begin}\nMIIEow\nIBAAKC\n{end}\nafter")
    assert masked == "before\n[masked: Private Key]\nafter"
    assert mask(f"before\n{begin}\nMIIEow\n")[0] == "before\n[masked: Private Key]"  # cut off


@given(st.lists(st.sampled_from([*TOKENS, " ", "\n", "word ", "a", "é😀", "x" * 700, "x " * 1500]), max_size=12))
@settings(max_examples=60, deadline=None)
def test_no_token_is_left_in_any_text_of_any_length(pieces: list[str]) -> None:
    text = " ".join(pieces)
    masked, _ = mask(text)
    for token in TOKENS:
        assert token not in masked
    assert mask(masked) == (masked, []), "what is masked stays as it is"
    secrets = find_secrets(text)
    assert all(one.end <= other.start for one, other in itertools.pairwise(secrets))


@pytest.mark.parametrize("offset", range(1480, 2120, 16))
def test_a_token_is_found_across_the_windows_of_a_long_line(offset: int) -> None:
    masked, secrets = mask("x" * offset + " " + JWT + " " + "y" * 5000)
    assert len(secrets) == 1 and JWT[10:20] not in masked and JWT[-10:] not in masked


def test_a_token_longer_than_a_window_is_masked_to_its_end() -> None:
    long = "eyJhbGciOiJIUzI1NiJ9." + "aB3dE6gH9j" * 1000 + ".dozjgNryP4J3jVmNHl0w5N"
    assert mask(f"token {long} end")[0].count("aB3d") == 0
    assert mask(f"token {long} end")[0].endswith(" end")


def test_data_is_masked_by_the_names_of_its_fields() -> None:
    found: list[tuple[str, object]] = []
    data = {"arguments": {"password": "tr0ub4dor", "path": "a.py", "tokens": 12, "api_key": ["k1k2k3k4"]}, "id": GITHUB}
    masked = mask_tree(data, found, skip=frozenset({"id"}))  # type: ignore[arg-type]
    assert masked["arguments"]["path"] == "a.py" and masked["arguments"]["tokens"] == 12 and masked["id"] == GITHUB
    assert "tr0ub4dor" not in json.dumps(masked) and "k1k2k3k4" not in json.dumps(masked)
    assert len(found) == 2


def test_the_whole_name_of_a_value_is_shown_as_its_kind() -> None:
    assert mask("my.DB_PASSWORD=Tr0ub4dor&3")[0] == "my.DB_PASSWORD=[masked: value of my.DB_PASSWORD]"
    assert mask(f"{'x' * 41}_token=abc123def456")[0].endswith("_token=[masked: value of token]")
    untouched = f"{'x' * 50}token=abc123def456"  # a word of such length is no name
    assert mask(untouched)[0] == untouched


@pytest.mark.parametrize("rule", _library_rules(), ids=lambda rule: f"{rule.kind} {rule.pattern.pattern[:30]}")
@given(data=st.data())
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_match_of_a_pattern_is_skipped_as_impossible(rule: Any, data: st.DataObject) -> None:
    text = data.draw(st.from_regex(rule.pattern, alphabet=st.characters(codec="ascii")))
    assert _applicable([rule], text) == [rule]


# -- exports -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(folder: Path) -> Path:
    write_agent(folder, "plain", "Answer.", tools="[]")
    return folder


@pytest.mark.parametrize("form", ["markdown", "json", "html"])
async def test_an_export_is_masked_and_says_how_much(folder: Path, model_server: ModelServer, form: str) -> None:
    model_server.script(Answer(f"Your token is {GITLAB}."))
    async with app(folder, model_server) as home:
        session = await home.sessions.create(title=f"About {AWS}", agent="plain")
        context = TextContext(title="a file", text=f"password = '{'tr0ub4' + 'dor'}'")
        await home.sessions.message(session.id, Outgoing(f"Is {GITHUB} right?", context=[context]))
        done = await home.sessions.export(session.id, form)  # type: ignore[arg-type]
        assert done.content is not None and done.masked >= 4
        for secret in (GITLAB, AWS, GITHUB, "tr0ub4dor"):
            assert secret not in done.content
        assert "[masked: " in done.content
        said = f'"masked": {done.masked}' if form == "json" else f"{done.masked} keys and tokens are masked"
        assert said in done.content
        if form == "json":
            assert json.loads(done.content)["masked"] == done.masked
        file = folder / "export"
        written = await home.sessions.export(session.id, form, file=file)  # type: ignore[arg-type]
        assert await asyncio.to_thread(file.read_text, encoding="utf-8") == done.content and written.masked == done.masked
        # The session itself keeps what was said.
        history = await home.sessions.history(session.id)
        assert GITHUB in history.messages[0].text


@pytest.mark.parametrize("form", ["markdown", "json", "html"])
async def test_an_unmasked_export_is_marked_at_its_top(folder: Path, model_server: ModelServer, form: str) -> None:
    model_server.script(Answer("Fine."))
    async with app(folder, model_server) as home:
        session = await home.sessions.create(title="A title", agent="plain")
        await home.sessions.message(session.id, f"Is {GITHUB} right?")
        done = await home.sessions.export(session.id, form, unmasked=True)  # type: ignore[arg-type]
        assert done.content is not None and GITHUB in done.content and done.masked == 0
        said = '"unmasked": true' if form == "json" else "not masked"
        assert 0 <= done.content.find(said) < done.content.index(GITHUB)


async def test_a_session_without_secrets_is_exported_unchanged(folder: Path, model_server: ModelServer) -> None:
    model_server.script(Answer("Fine."))
    async with app(folder, model_server) as home:
        session = await home.sessions.create(title="A title", agent="plain")
        await home.sessions.message(session.id, "Is it right?")
        done = await home.sessions.export(session.id, "json")
        data = json.loads(done.content or "")
        assert sorted(data) == ["messages", "session"] and done.masked == 0
        assert data["messages"] == [one.wire() for one in (await home.sessions.history(session.id)).messages]


def test_the_terminal_lists_secrets_without_showing_them(
    folder: Path, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def fill() -> str:
        model_server.script(Answer("Fine."))
        async with app(folder, model_server) as home:
            session = await home.sessions.create(title="A title", agent="plain")
            await home.sessions.message(session.id, f"Is {GITHUB} right, or {AWS}?")
            return session.id

    session_id = asyncio.run(fill())
    monkeypatch.setenv("SESSIONLS_DATABASE_URL", f"sqlite:///{tmp_path / 'one.db'}")
    monkeypatch.chdir(folder)

    def run(*words: str, code: int = 0) -> str:
        result = CliRunner().invoke(commands, ["export", session_id, *words])
        assert result.exit_code == code, result.output
        return result.output

    said = run("--check", code=1)
    assert "Would mask 2 keys and tokens." in said and "by Ann" in said
    assert "Is [masked: " in said
    assert GITHUB[:10] not in said and AWS[:10] not in said
    said = run()
    assert GITHUB not in said and "Masked 2 keys and tokens." in said
    said = run("--unmasked")
    assert GITHUB in said and "not masked" in said

"""The manual tells what is there: options, exit codes, files, words."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import click
import pytest

from leakhunt.cli.app import cli
from leakhunt.cli.exit_codes import ExitCode
from leakhunt.detectors.base import Category, Verdict
from leakhunt.hunt import HuntOptions
from leakhunt.report.schema import load_schema

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
PAGES = [page for page in PAGES if "_build" not in page.parts]
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)")
NAMED_FILE = re.compile(r"`((?:leakhunt|tests|fixtures|docs)/[\w./-]+)`")
CONSOLE = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))


def read(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def section(text: str, title: str) -> str:
    """The part of a page under one heading of the second level."""
    return text.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


def commands() -> list[tuple[str, click.Command]]:
    context = click.Context(cli)
    found = [(name, cli.get_command(context, name)) for name in cli.list_commands(context)]
    return [(name, command) for name, command in found if command is not None]


def options_of(command: click.Command) -> set[str]:
    """Long options of a command, ``--help`` left out."""
    names = {name for param in command.params for name in param.opts if name.startswith("--")}
    return names - {"--help"}


def python_examples(page: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def run(folder: Path, *arguments: str) -> str:
    """Standard output of the interpreter in ``folder``; it must end well."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    targets = [m for m in LINK.findall(page.read_text("utf-8")) if "://" not in m]
    assert [t for t in targets if not (page.parent / t).exists()] == []


@each_page
def test_files_that_are_named_exist(page: Path) -> None:
    named = [name for name in NAMED_FILE.findall(page.read_text("utf-8")) if "/_" not in name]
    assert [name for name in named if not (ROOT / name).exists()] == []


@each_page
def test_console_examples_use_options_that_exist(page: Path) -> None:
    for block in CONSOLE.findall(page.read_text("utf-8")):
        for line in re.sub(r"\\\n\s*", "", block).splitlines():
            if not line.startswith("$ leakhunt "):
                continue
            words = shlex.split(line.removeprefix("$ leakhunt "))
            if "--" in words:  # What follows is another program's.
                words = words[: words.index("--")]
            command = dict(commands()).get(words[0])
            if command is None:
                assert words[0] in {"--version", "--help"}, line
                continue
            used = {word.split("=")[0] for word in words[1:] if word.startswith("--")}
            assert used <= options_of(command) | {"--help"}, line


@pytest.mark.parametrize(("name", "command"), commands())
def test_every_option_is_in_the_manual(name: str, command: click.Command) -> None:
    page = read("reference/command-line.md")
    text = section(page, f"leakhunt {name}") + section(page, "Options of every report")
    written = set(re.findall(r"`(--[\w-]+)", text))
    assert options_of(command) - written == set()
    own = set(re.findall(r"^\| `(--[\w-]+)", section(page, f"leakhunt {name}"), re.MULTILINE))
    assert own - options_of(command) == set()


def test_every_exit_code_is_in_the_manual() -> None:
    written = re.findall(r"^\| (\d+) \|", read("reference/exit-codes.md"), re.MULTILINE)
    assert [int(code) for code in written] == sorted(ExitCode)


def test_words_are_in_the_glossary() -> None:
    text = read("glossary.md")
    assert [c.value for c in Category if not re.search(rf"\b{c.value}\b", text)] == []
    assert [v.value for v in Verdict if v.value not in text] == []


def test_the_glossary_has_each_word_once() -> None:
    terms = re.findall(r"^([^\n:#]+)\n: ", read("glossary.md"), re.MULTILINE)
    words = [word for term in terms for word in term.split(", ")]
    assert len(words) > 40
    assert len(words) == len(set(words))


def test_every_decision_is_listed() -> None:
    pages = {path.stem for path in (DOCS / "decisions").glob("0*.md")}
    listed = set(re.findall(r"^0\S+$", read("decisions/index.md"), re.MULTILINE))
    assert listed == pages
    assert sorted(int(page[:4]) for page in pages) == list(range(1, len(pages) + 1))


def test_news_fragments_have_a_known_type() -> None:
    for path in (DOCS / "news").iterdir():
        if path.name != "README.md":
            assert re.fullmatch(r"(\d+|\+[\w-]+)\.(feature|bugfix|change|removal)\.md", path.name)


@each_page
def test_no_page_names_a_machine(page: Path) -> None:
    text = page.read_text("utf-8")
    assert re.findall(r"(?:^|[\s`(\"'])/(?:root|work|home|Users)/\S*", text) == []


def test_every_member_of_the_report_is_in_the_manual() -> None:
    written = re.findall(r"^\| `(\w+)` \|", read("reference/json-report.md"), re.MULTILINE)
    assert written == list(load_schema()["properties"])


def test_every_field_of_the_options_is_in_the_manual() -> None:
    page = read("reference/python-api.md")
    assert [f.name for f in fields(HuntOptions) if f"`{f.name}`" not in page] == []


def test_the_example_of_the_python_api_runs(tmp_path: Path) -> None:
    (tmp_path / "scenario.py").write_text(python_examples(DOCS / "tutorial.md")[0])
    (example,) = python_examples(DOCS / "reference/python-api.md")
    assert run(tmp_path, "-c", example).startswith("LEAK scenario.BUS.listeners['tick'] 1")


def test_the_example_of_own_snapshots_runs(tmp_path: Path) -> None:
    (example,) = python_examples(DOCS / "howto/save-and-diff.md")
    work = "KEPT = []\ndef work():\n    KEPT.extend([i] for i in range(1000))\n"
    (tmp_path / "program.py").write_text(work + example)
    run(tmp_path, "program.py")
    report = json.loads(
        run(tmp_path, "-m", "leakhunt", "diff", "before.lkheap", "after.lkheap", "--json")
    )
    assert report["identity"]["method"] != "address and type"
    assert "__main__.KEPT" in {finding["holder"]["path"] for finding in report["findings"]}


@pytest.mark.parametrize("page", ["../README.md", "howto/scenarios.md"])
def test_the_scenarios_of_the_manual_run(tmp_path: Path, page: str) -> None:
    (tmp_path / "shop.py").write_text("def handle_request(path): pass\n")
    (scenario,) = python_examples(DOCS / page)
    (tmp_path / "scenario.py").write_text(scenario)
    command = ("-m", "leakhunt", "hunt", "--scenario", "scenario.py", "--cycles", "30", "--json")
    report = json.loads(run(tmp_path, *command))
    assert (report["verdict"], report["errors"]) == ("NOT", [])

"""The reference pages name all that there is, and nothing else; links lead somewhere; links to tests name tests."""

import re

import click
import pytest

from django_tandem.cli.main import tandem
from tests.office import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def commands(group, words=("tandem",)):
    """Every command as its words, and the command."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*words, name))
        else:
            yield " ".join((*words, name)), command


def sections(page):
    """The text under each heading of a command, by the command's words."""
    parts = re.split(r"^### `(tandem [^`]+)`$", (ROOT / page).read_text(), flags=re.MULTILINE)
    return {re.sub(r" [\[(A-Z].*", "", head): text for head, text in zip(parts[1::2], parts[2::2], strict=True)}


def test_the_page_of_commands_names_every_command_and_every_option():
    described = sections("docs/reference/commands.md")
    there = dict(commands(tandem))
    assert set(described) == set(there)
    for words, command in there.items():
        for parameter in command.params:
            for option in parameter.opts if isinstance(parameter, click.Option) else ():
                if option not in ("--config", "--json", "--help"):
                    assert f"`{option}" in described[words], f"{words} {option}"


def test_every_check_id_is_described_and_nothing_else():
    described = set(
        re.findall(r"^\| `(tandem\.[EW]\d+)`", (ROOT / "docs/reference/checks.md").read_text(), re.MULTILINE)
    )
    source = "".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    assert described == set(re.findall(r'"(tandem\.[EW]\d{3})"', source))


def test_the_queue_s_options_are_described():
    from django_tandem.queue.options import KNOWN

    page = (ROOT / "docs/reference/queue.md").read_text()
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == set(KNOWN)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_page_points_to_is_there(page):
    text = page.read_text()
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if not link.startswith(("http", "#"))]
    files = re.findall(r"`((?:tests|benchmarks|docs|src)/[\w./-]+\.\w+)`", text)
    missing = [link for link in links if not (page.parent / link.partition("#")[0]).exists()]
    missing += [file for file in files if not (ROOT / file).exists()]
    assert missing == []

"""The page of messages has an entry for each one that a run can show, and none for one that is gone from the code."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.messages import GAP, constants, in_python, in_yaml, is_sentence

from . import ROOT

PAGE = ROOT / "docs/troubleshooting.md"
# The section with what Ansible says, which is Ansible's to change.
NOT_OURS = "Ansible's own words"
PYTHON = ["plugins/**/*.py"]
YAML = ["roles/*/tasks/*.yml", "roles/*/vars/*.yml", "roles/*/handlers/*.yml", "playbooks/*.yml"]
YAML += ["playbooks/group_vars/**/*.yml", "meta/runtime.yml"]
# Texts that read like messages and want no entry.
QUIET = {
    # Said where all is well.
    "…: release … is live.",
    "… is ready: its README.md says how it is used.",
    "+ the zone …",
    "Nothing to change.",
    "== …: follow it …",
    "There are no certificates of the role tls.",
    "This is a dry run: nothing is changed.",
    "This was a dry run: nothing has been changed.",
    "…: ordering a certificate, as ….",
    "there is none yet",
    "it expires on …",
    "the CA asks for it",
    "at the next run",
    "…: installed a certificate until ….",
    # A part of a message that stands for a name, or a title.
    "a process",
    "What it said last:",
    "without a server_name",
    # What is in a module that is written for the application.
    '"""Settings of this site: those of the application, and in their place what the server tells."""',
    "from pathlib import Path",
    "from … import *",
    '"""The application of this site, as … describes it.""" from pyramid.paster import get_app',
    # certbot's words, and a URL of a CA that is passed over.
    "An unexpected error occurred:",
    "… is no address of a CA",
    # Written to a file, and looked for in a journal.
    "This server was taken over by the role foobar.webstack.mysql: accounts that are not in mysql_users stay.",
    "still could not bind",
}
# A line of the page that is nothing but a message.
QUOTE = re.compile(r"- (`+)(.+)\1")
# What stands between the texts of which a quote is put together.
BETWEEN = re.compile(r"\s*[…,.;:()][…,.;:()\s]*")


class Entry(NamedTuple):
    """An entry of the page: its section, the messages that it is about, and what it says of them."""

    section: str
    quotes: list[str]
    text: str


def entries(page: str) -> list[Entry]:
    """Return the entries of a page: lists of messages, each with the text after it."""
    found = []
    for section in page.split("\n## ")[1:]:
        title, _, body = section.partition("\n")
        for block in body.split("\n\n"):
            lines = [QUOTE.fullmatch(line) for line in block.strip().splitlines()]
            if quotes := [line[2].strip() for line in lines if line]:
                found.append(Entry(title, quotes, ""))
            elif found and found[-1].section == title:
                found[-1] = found[-1]._replace(text=f"{found[-1].text}{block}")
    return found


def files(*patterns: str) -> list[Path]:
    """Return the repository's files that match patterns."""
    return [path for pattern in patterns for path in sorted(ROOT.glob(pattern))]


@cache
def messages() -> dict[str, str]:
    """Return all messages in the code, each with the place of one that says it."""
    found = [message for path in files(*PYTHON) for message in in_python(path)]
    found += [message for path in files(*YAML) for message in in_yaml(path)]
    return {" ".join(text.split()): place.removeprefix(f"{ROOT}/") for text, place in found}


@cache
def parts() -> set[str]:
    """Return the texts in the code that are no messages, such as names of keys, cut at punctuation."""
    texts = (text for path in files(*PYTHON, *YAML) for text in constants(path))
    return {part for text in texts if not is_sentence(text) for part in BETWEEN.split(text.strip())}


@cache
def pattern(message: str) -> re.Pattern[str]:
    """Return a pattern of a message, with a group for each piece of it between what it is filled in with."""
    pieces = ".*?".join(f"({re.escape(piece)})" for piece in message.split(GAP))
    return re.compile(r"(?<!\w)" * message[0].isalnum() + pieces + r"(?!\w)" * message[-1].isalnum())


def found(message: str, quote: str) -> re.Match[str] | None:
    """Return where a message stands in a quote, which may be put together from several."""
    is_likely = all(piece in quote for piece in message.split(GAP))
    return pattern(message).search(quote) if is_likely else None


def without_entry(quotes: Iterable[str]) -> list[str]:
    """Return the messages in the code that no quote has, with their places."""
    known = list(quotes)
    return [
        f"{place}: {message}"
        for message, place in messages().items()
        if message not in QUIET and not any(found(message, quote) for quote in known)
    ]


def nowhere(quote: str) -> list[str]:
    """Return what of a quote stands nowhere in the code."""
    left = quote
    for match in filter(None, (found(message, quote) for message in messages())):
        for start, end in match.regs[1:]:
            left = left[:start] + GAP * (end - start) + left[end:]
    return [part for part in BETWEEN.split(left.strip()) if part not in parts()]


OURS = [entry for entry in entries(PAGE.read_text()) if entry.section != NOT_OURS]
QUOTES = [quote for entry in OURS for quote in entry.quotes]


def test_every_message_has_an_entry() -> None:
    assert without_entry(QUOTES) == []


@pytest.mark.parametrize("entry", OURS, ids=[entry.quotes[0] for entry in OURS])
def test_an_entry_says_what_to_do_about_messages_that_there_are(entry: Entry) -> None:
    assert entry.text
    assert {quote: gone for quote in entry.quotes if (gone := nowhere(quote))} == {}


def test_no_message_has_two_entries() -> None:
    assert [quote for quote, count in Counter(QUOTES).items() if count > 1] == []


def test_no_text_is_called_quiet_that_is_gone_or_has_an_entry() -> None:
    assert QUIET - set(messages()) == set()
    assert [text for text in QUIET if any(found(text, quote) for quote in QUOTES)] == []


def test_a_message_is_missed_whose_entry_is_taken_out() -> None:
    gone = "…: git is not installed on this machine: install it to deploy."
    missed = set(without_entry(quote for quote in QUOTES if quote != gone)) - set(without_entry(QUOTES))
    assert [message.partition(": ")[2] for message in missed] == [gone.removeprefix("…: ")]


def test_an_entry_is_noticed_whose_message_has_changed() -> None:
    assert nowhere("…: git is not here: install it to deploy.") == ["git is not here", "install it to deploy"]


def test_a_message_is_found_wherever_the_code_has_it(tmp_path: Path) -> None:
    python, yaml = tmp_path / "code.py", tmp_path / "tasks.yml"
    python.write_text('''
def documented(name):
    """This is no message."""
    if name == "this is no message":
        raise ValueError(f"{name} is wrong: {name or 'it is empty'}.")
    return ["this was " "refused", re.sub("this is no message", "", name), "SELECT this FROM that", "cp -a this that"]
''')
    yaml.write_text("""
- name: This is no message
  ansible.builtin.fail:
    msg: "{{ name }} is missing; {{ ready | ternary('it is late', 'early') }}, {{ 'it is ' ~ name ~ ' again' }}."
""")
    assert [text for text, _ in in_python(python)] == ["… is wrong: ….", "it is empty", "this was refused"]
    assert [text for text, _ in in_yaml(yaml)] == ["… is missing; …, ….", "it is late", "it is … again"]

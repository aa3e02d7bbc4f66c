"""The table docs/compatibility.md: made of the rows, and of what a run has seen of each."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby

from tests.compatibility.rows import ROWS, Row
from tests.host.nightly_applications.applications import APPLICATIONS
from tests.playbook import ROOT

DOCUMENT = ROOT / "docs/compatibility.md"
SYSTEMS = ("Debian 13", "Debian 12")
HEAD = """# What has been seen to work

Applications as people bring them, each deployed by its entry alone, next to each other on one server: `make
molecule-nightly_compatibility` deploys them, asks each for its pages and compares this page with what it has seen. The
sources and the entries are in [rows.py](../tests/compatibility/rows.py).

"live" is a site whose pages answer as they should, "refused" one that `check.yml` refuses with a sentence that says
what to do. Debian 12 has no MySQL that the tests could install.
"""
# Characters of a line that a reader can take in.
LINE = 110
SIZE = """## Applications of size

Whole ones that others have written, next to each other on Debian 13, by the entries that `foobar.webstack.new` writes:
`make molecule-nightly_applications`. Their sources and what is asked of each are in
[applications.py](../tests/host/nightly_applications/applications.py).

| What | Lines that were changed |
|---|---|"""
# What has been tried by hand, and did not get that far.
MORE = """
Fief 0.30, with FastAPI, Alembic and a built frontend, took more than three: it takes a host and a port of MySQL and of
Redis, which both listen at a socket, and pins a package that has no wheel for Python 3.13.
"""


def wanted(row: Row, system: str) -> str:
    """Return what the table says of a row on a system, where all is well."""
    if row.untested:
        return f"untested: {row.untested}"
    if row.seen_by:
        return f"live, by [a test of its own](../{row.seen_by})" if system == SYSTEMS[0] else "untested"
    if row.refused:
        return "refused"
    return "needs MySQL" if row.needs_mysql and system == "Debian 12" else "live"


def table(seen: Mapping[tuple[str, str], str]) -> str:
    """Return the page; `seen` is what happened, by the row's name and the system, where it is not what is wanted."""
    lines = [HEAD]
    for part, rows in groupby(ROWS, key=lambda row: row.part):
        lines += [f"## {part}\n", f"| What | Keys | {' | '.join(SYSTEMS)} |", "|---|---|---|---|"]
        for row in rows:
            cells = [seen.get((row.name, system), wanted(row, system)) for system in SYSTEMS]
            lines.append(f"| {row.what} | {', '.join(f'`{key}`' for key in row.keys)} | {' | '.join(cells)} |")
        lines.append("")
    lines.append(SIZE)
    for app in APPLICATIONS:
        changed = [f"`{_short(line)}`" for line in app.lines]
        lines.append(f"| {app.what} | {', '.join(changed) or 'none'} |")
    lines.append(MORE)
    return "\n".join(lines)


def _short(line: str) -> str:
    """Return a line without a value that says nothing to anybody, such as that of a password."""
    return line if len(line) < LINE else f"{line.partition('=')[0]}= …"

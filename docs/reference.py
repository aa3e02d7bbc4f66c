"""What the site has beside the pages of this folder: others of the repository, and what is generated from specs.

MkDocs calls `on_files` and `on_page_markdown` (`hooks` in mkdocs.yml). Nothing that is generated is kept in git.
"""

from __future__ import annotations

import json
import os
import posixpath
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
COLLECTION = "foobar.webstack"
REPOSITORY = "https://github.com/foobar/webstack"
ROLES = ("nginx", "gunicorn", "uwsgi", "app_deploy", "mysql", "dns_records", "tls", "swap", "redis")
# Pages from elsewhere in the repository, and where the site has them.
PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "bench/README.md": "benchmarks.md",
    **{f"roles/{role}/README.md": f"roles/{role}.md" for role in ROLES},
}
SOURCES = {page: source for source, page in PAGES.items()}
# A page of the reference: its heading and the kinds of plugins on it, as ansible-doc calls them.
PLUGINS = {
    "reference/modules.md": ("Modules", ("module",)),
    "reference/filters.md": ("Filters", ("filter",)),
    "reference/plugins.md": ("Lookup and callback", ("lookup", "callback")),
}
CODE = re.compile(r"(^```.*?^```)", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(\]\()([^)\s]+)(\))")
# Ansible's markup for documentation: what stands for code, and what for emphasis.
LITERAL = re.compile(r"\b(?:C|E|M|O|P|RV|V)\(([^)]*)\)")
EMPHASIS = re.compile(r"\b(?:B|I)\(([^)]*)\)")
Options = Mapping[str, Mapping[str, Any]]


def unescaped(changelog: str) -> str:
    """Return a changelog as mkdocs reads it: antsibull-changelog escapes what Python's Markdown has no escape for."""
    return re.sub(r"\\([^\w\s\\`*_{}\[\]()#+.!-])", lambda found: f"&#{ord(found[1])};", changelog)


def relinked(markdown: str, source: str) -> str:
    """Return a page of the repository, by its path there, with links that lead to the same places from the site."""
    parts = CODE.split(markdown)
    texts = (LINK.sub(lambda found: f"{found[1]}{_target(found[2], source)}{found[3]}", text) for text in parts[::2])
    return "".join(part for pair in zip(texts, [*parts[1::2], ""], strict=True) for part in pair)


def _target(link: str, source: str) -> str:
    """Return where a link leads: within the site, or to the repository for what the site does not have."""
    path, mark, heading = link.partition("#")
    if re.match(r"\w+:", link) or not path:
        return link
    target = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
    is_shown = target.startswith("docs/") and target.endswith((".md", ".svg"))
    page = PAGES.get(target, target.removeprefix("docs/") if is_shown else "")
    if not page:
        return f"{REPOSITORY}/{'tree' if (ROOT / target).is_dir() else 'blob'}/main/{target}{mark}{heading}"
    here = PAGES.get(source, source.removeprefix("docs/"))
    return posixpath.relpath(page, posixpath.dirname(here) or ".") + mark + heading


def prose(text: str | Iterable[str]) -> str:
    """Return a description, with Ansible's markup or without, as Markdown: nothing in it is HTML or a link."""
    whole = text if isinstance(text, str) else " ".join(text)
    whole = EMPHASIS.sub(r"*\1*", LITERAL.sub(lambda found: f"`{found[1].partition('#')[0]}`", " ".join(whole.split())))
    parts = re.split(r"(`[^`]*`|(?<!\S)\*[^*]+\*)", whole)
    return "".join(
        part if number % 2 else re.sub(r"[*_\[]", r"\\\g<0>", part.replace("&", "&amp;").replace("<", "&lt;"))
        for number, part in enumerate(parts)
    )


def options(spec: Options, indent: str = "") -> Iterator[str]:
    """Yield a line for each option of an argument spec, or of a plugin's documentation, and for those within it."""
    for name, option in spec.items():
        kind = option.get("type", "str")
        kind = f"{kind} of {option['elements']}" if "elements" in option else kind
        required = ", required" if option.get("required") else ""
        parts = [f"{indent}- **`{name}`** ({kind}{required}): {prose(option['description'])}"]
        if "choices" in option:
            parts.append(f"One of {', '.join(f'`{choice}`' for choice in option['choices'])}.")
        if option.get("default") is not None:
            parts.append(f"Default: {_value(option['default'])}.")
        yield " ".join(parts)
        yield from options(option.get("options") or option.get("suboptions") or {}, f"{indent}    ")


def _value(default: Any) -> str:
    """Return a default in one line, as it is written in YAML; a text of several lines only by that it is one."""
    if isinstance(default, str) and "\n" in default:
        return "a text of several lines"
    return f"`{default if default and isinstance(default, str) else json.dumps(default, ensure_ascii=False)}`"


def entry_points(specs: Mapping[str, Any]) -> str:
    """Return the part of a role's page that is generated from its argument specs."""
    lines = ["## Entry points and their options", ""]
    main = specs["main"]["options"]
    for name, entry in specs.items():
        own = entry.get("options", {})
        lines += [f"### `{name}`", "", f"{prose(entry['short_description'])}. {prose(entry['description'])}", ""]
        lines += ["The options are those of `main`."] if own == main and name != "main" else options(own)
        lines.append("")
    return "\n".join(lines)


def sites(spec: Mapping[str, Any]) -> str:
    """Return the page of what an entry of `sites` may hold."""
    intro = (
        "Generated from `playbooks/meta/sites.yml`, by which every playbook checks the entries: a key that is not here "
        "is refused by name."
    )
    return "\n".join(["# An entry of `sites`", "", intro, "", *options(spec["sites"]["options"]), ""])


def plugin(name: str, told: Mapping[str, Any]) -> str:
    """Return the part of a page about one plugin, as ansible-doc tells of it."""
    document = told["doc"]
    lines = [f"## `{name}`", "", f"{prose(document['short_description'])}.", ""]
    if "deprecated" in document:
        lines += [f"Deprecated: {prose(document['deprecated']['alternative'])}.", ""]
    lines += [prose(document["description"]), "", *options(document.get("options") or {}), ""]
    if told.get("examples"):
        lines += ["```yaml", told["examples"].strip("\n"), "```", ""]
    if told.get("return"):
        lines += ["Returns", "", *options(told["return"]), ""]
    return "\n".join(lines)


def documented() -> dict[str, Any]:
    """Return what ansible-doc knows of the collection, by kind and name.

    Raise OSError where there is no ansible-doc, and CalledProcessError where it fails.
    """
    command = ("ansible-doc", "--metadata-dump", COLLECTION)
    told = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections")},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
        text=True,
    )
    return dict(json.loads(told.stdout)["all"])


def plugins(heading: str, kinds: Iterable[str], known: Mapping[str, Any]) -> str:
    """Return a page about the plugins of some kinds."""
    found = {name: told for kind in kinds for name, told in sorted(known[kind].items())}
    intro = "Generated from what `ansible-doc` shows of them. Most are there for the roles and the playbooks."
    return "\n".join([f"# {heading}", "", intro, "", *(plugin(name, told) for name, told in found.items())])


def generated() -> dict[str, str]:
    """Return the pages that are no file of docs/, by their path on the site."""
    pages = {page: (ROOT / source).read_text() for source, page in PAGES.items()}
    pages["changelog.md"] = unescaped(pages["changelog.md"])
    for role in ROLES:
        specs = yaml.safe_load((ROOT / f"roles/{role}/meta/argument_specs.yml").read_text())["argument_specs"]
        pages[f"roles/{role}.md"] += f"\n{entry_points(specs)}"
    pages["reference/sites.md"] = sites(yaml.safe_load((ROOT / "playbooks/meta/sites.yml").read_text()))
    known = documented()
    return pages | {page: plugins(heading, kinds, known) for page, (heading, kinds) in PLUGINS.items()}


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Add the pages that are no file of docs/."""
    # The unit tests of the rest have no MkDocs.
    from mkdocs.exceptions import PluginError
    from mkdocs.structure.files import File

    try:
        pages = generated()
    except (OSError, subprocess.CalledProcessError) as error:
        raise PluginError(f"The reference needs ansible-doc, which `make docs` has: {error}.") from error
    for page, text in pages.items():
        files.append(File.generated(config, page, content=text))


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Return a page with its links as the site needs them; in the repository they go by its folders."""
    return relinked(markdown, SOURCES.get(page.file.src_uri, f"docs/{page.file.src_uri}"))

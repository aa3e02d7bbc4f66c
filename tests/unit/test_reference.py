"""The pages of the documentation's site that are generated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from docs import reference

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("source", "link", "target"),
    [
        ("README.md", "docs/secrets.md#another-one", "secrets.md#another-one"),
        ("README.md", "docs/site.svg", "site.svg"),
        ("README.md", "#roles", "#roles"),
        ("docs/secrets.md", "releases.md", "releases.md"),
        ("docs/secrets.md", "../roles/mysql/README.md#variables", "roles/mysql.md#variables"),
        ("docs/applications/flask.md", "../../README.md", "../index.md"),
        ("roles/mysql/README.md", "../../CHANGELOG.md", "../changelog.md"),
        ("CONTRIBUTING.md", "docs/reference.py", "https://github.com/foobar/webstack/blob/main/docs/reference.py"),
        ("docs/secrets.md", "../LICENSE", "https://github.com/foobar/webstack/blob/main/LICENSE"),
        ("docs/secrets.md", "../inventory", "https://github.com/foobar/webstack/tree/main/inventory"),
        ("docs/secrets.md", "https://example.com/a.md", "https://example.com/a.md"),
    ],
)
def test_a_link_leads_from_the_site_to_the_same_place(source: str, link: str, target: str) -> None:
    assert reference.relinked(f"See [it\nhere]({link}).", source) == f"See [it\nhere]({target})."


def test_the_changelog_has_no_escapes_that_the_site_would_show() -> None:
    text = r"An account\'s \<app\>\, as in <code>app\_deploy</code>\."
    assert reference.unescaped(text) == r"An account&#39;s &#60;app&#62;&#44; as in <code>app\_deploy</code>\."


def test_what_looks_like_a_link_in_a_block_of_code_stays() -> None:
    text = "[a](docs/a.md)\n\n```\n[b](docs/b.md)\n```\n\n[c](docs/c.md)\n"
    assert reference.relinked(text, "README.md") == "[a](a.md)\n\n```\n[b](docs/b.md)\n```\n\n[c](c.md)\n"


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("Path, such as C(/srv/<app>); see O(state=live).", "Path, such as `/srv/<app>`; see `state=live`."),
        (["One.", "As P(ansible.builtin.password#lookup) does."], "One. As `ansible.builtin.password` does."),
        ("The name <app>-deps & more", "The name &lt;app>-deps &amp; more"),
        ("Patterns such as nginx_*, I(each) of `a_*`.", r"Patterns such as nginx\_\*, *each* of `a_*`."),
        ("A list\n  of [names](x)", r"A list of \[names](x)"),
    ],
)
def test_a_description_says_in_markdown_what_it_says(text: str | list[str], markdown: str) -> None:
    assert reference.prose(text) == markdown


def test_an_option_has_its_type_its_default_and_the_options_within_it() -> None:
    spec: dict[str, dict[str, Any]] = {
        "sites": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "description": "Sites.",
            "options": {"mode": {"choices": ["on", "off"], "default": "on", "description": "Which."}},
        },
        "page": {"type": "str", "default": "a\nb\n", "description": "A page."},
        "listen": {"type": "list", "default": [], "description": "Where."},
        "restart": {"type": "bool", "default": False, "description": "Whether."},
        "release": {"type": "str", "default": "", "description": "Which."},
    }
    assert list(reference.options(spec)) == [
        "- **`sites`** (list of dict, required): Sites.",
        "    - **`mode`** (str): Which. One of `on`, `off`. Default: `on`.",
        "- **`page`** (str): A page. Default: a text of several lines.",
        "- **`listen`** (list): Where. Default: `[]`.",
        "- **`restart`** (bool): Whether. Default: `false`.",
        '- **`release`** (str): Which. Default: `""`.',
    ]


def test_an_entry_point_with_the_options_of_main_does_not_list_them_again() -> None:
    options = {"a": {"type": "int", "description": "An a."}}
    entry = {"short_description": "Do it", "description": "Use it."}
    text = reference.entry_points({"main": {**entry, "options": options}, "check": {**entry, "options": options}})
    assert text.count("- **`a`**") == 1
    assert "### `check`\n\nDo it. Use it.\n\nThe options are those of `main`." in text


def test_a_plugin_is_shown_with_its_example_and_what_it_returns() -> None:
    document = {"short_description": "Make it", "description": ["All of it."], "options": {}}
    told = {"doc": document, "examples": "\na: 1\n", "return": {"made": {"type": "bool", "description": "If so."}}}
    text = reference.plugin("foobar.webstack.it", told)
    assert text.startswith("## `foobar.webstack.it`\n\nMake it.\n\nAll of it.\n")
    assert "```yaml\na: 1\n```" in text
    assert "Returns\n\n- **`made`** (bool): If so." in text


def test_the_reference_has_every_key_variable_module_and_filter() -> None:
    pages = reference.generated()
    modules = [path.stem for path in (ROOT / "plugins/modules").glob("*.py")]
    filters = [path.stem for path in (ROOT / "plugins/filter").glob("*.yml")]
    assert [name for name in modules if f"## `foobar.webstack.{name}`" not in pages["reference/modules.md"]] == []
    assert [name for name in filters if f"## `foobar.webstack.{name}`" not in pages["reference/filters.md"]] == []
    assert "`foobar.webstack.secret`" in pages["reference/plugins.md"]
    assert "- **`migrate_check_command`** (str)" in pages["reference/sites.md"]
    assert "- **`nginx_sites`** (list of dict)" in pages["roles/nginx.md"]
    assert pages["index.md"] == (ROOT / "README.md").read_text()

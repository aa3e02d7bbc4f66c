"""Files of environment variables, as people write them."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import PromptVaultSecret, VaultLib
from ansible.plugins.loader import lookup_loader
from ansible_collections.foobar.webstack.plugins.plugin_utils.dotenv import DotenvError, variables

PEM = "-----BEGIN PRIVATE KEY-----\nMIIB=\n-----END PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("KEY=plain", "plain"),
        ("KEY = spaces around \n", "spaces around"),
        ("export KEY=x", "x"),
        ("  KEY=x", "x"),
        ("KEY=", ""),
        ('KEY=""', ""),
        ("KEY=a=b # a comment", "a=b"),
        ("KEY=a#b", "a#b"),
        ("KEY=#b", "#b"),
        ("KEY= # a comment", ""),
        ("KEY=\t#", ""),
        ('KEY="a # b" # a comment', "a # b"),
        ("KEY='it\\'s $HOME ${HOME} \\n'", "it's $HOME ${HOME} \\n"),
        ('KEY="say \\"yes\\" \\\\ \\$5 \\n"', 'say "yes" \\ $5 \n'),
        (f'KEY="{PEM}"', PEM),
        (f"KEY='{PEM}'", PEM),
        ("KEY=x\r\n", "x"),
        ("\ufeffKEY=x", "x"),
        ("# one\n\n#two\nKEY={{ no_template }}\n# three", "{{ no_template }}"),
        ("KEY=grüße", "grüße"),
    ],
)
def test_a_value_is_read_as_it_is_meant(text: str, value: str) -> None:
    assert variables(text, ".env") == {"KEY": value}
    assert variables(f"BEFORE='1'\n{text}\nAFTER=2\n".replace("\ufeff", ""), ".env") == {
        "BEFORE": "1",
        "KEY": value,
        "AFTER": "2",
    }


def test_a_file_without_variables_has_none() -> None:
    for text in ("", "\n", "# nothing", "\n  # nothing\n\n"):
        assert variables(text, ".env") == {}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("canary", "this is no NAME=value"),
        ("A-B=canary", "this is no NAME=value"),
        ('KEY="canary', "the quote that KEY begins with is not closed"),
        ("KEY='canary", "the quote that KEY begins with is not closed"),
        ('KEY="can"ary', "after the closing quote of KEY there is more"),
        ("KEY=https://${canary}/", "KEY has ${…}, for which nothing is filled in"),
        ('KEY="${canary}"', "KEY has ${…}, for which nothing is filled in"),
        ("KEY=canary\0", "KEY has a NUL character"),
        ("FIRST=canary", "FIRST stands there a second time"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_without_the_value(line: str, words: str) -> None:
    with pytest.raises(DotenvError) as error:
        variables(f"# one\nFIRST='two\nlines'\n\n{line}\n", "shop.env")
    assert str(error.value).startswith(f"shop.env:5: {words}")
    assert "canary" not in str(error.value)


def lookup(folder: Path, *paths: str, loader: DataLoader | None = None) -> list[dict[str, str]]:
    """Return what the lookup finds for a user whose inventory lies in a folder."""
    plugin = lookup_loader.get("foobar.webstack.environment_file", loader=loader or DataLoader())
    found: list[dict[str, str]] = plugin.run([list(paths)], {"inventory_dir": str(folder)})
    return found


def test_a_file_lies_in_the_user_s_folder_and_a_site_without_one_has_no_variables(tmp_path: Path) -> None:
    (tmp_path / "shop.env").write_text("KEY=x\n")
    assert lookup(tmp_path, "shop.env", "", str(tmp_path / "shop.env")) == [{"KEY": "x"}, {}, {"KEY": "x"}]


def test_a_file_may_be_encrypted(tmp_path: Path) -> None:
    secrets = [("default", PromptVaultSecret(b"password"))]
    (tmp_path / "shop.env").write_bytes(VaultLib(secrets).encrypt("KEY=canary\n"))
    assert b"canary" not in (tmp_path / "shop.env").read_bytes()
    loader = DataLoader()
    loader.set_vault_secrets(secrets)
    assert lookup(tmp_path, "shop.env", loader=loader) == [{"KEY": "canary"}]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DotenvError, match=f"environment_file: there is no file {tmp_path}/shop.env."):
        lookup(tmp_path, "shop.env")


@pytest.mark.parametrize("content", ["KEY=größe\n".encode("latin-1"), "KEY=a\n".encode("utf-16")])
def test_a_file_that_is_not_in_utf_8_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "shop.env").write_bytes(content)
    with pytest.raises(DotenvError, match=r"^shop\.env: it is not in UTF-8; write it anew\.$"):
        lookup(tmp_path, "shop.env")

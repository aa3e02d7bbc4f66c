"""A server knows its secrets again: a colleague's clone with others is refused, whatever else has happened."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.action.secret_fingerprints import entries, names_used, refusal
from ansible_collections.foobar.webstack.plugins.module_utils import secret_fingerprints as fingerprints
from ansible_collections.foobar.webstack.plugins.modules.secret_fingerprints import STORE, Server, recorded, verified

from tests.playbook import run

KEY, PASSWORD, MIGRATIONS = "canary-of-the-key", 'canary$of "the" pass\\word', "canary-of-migrations"
VALUES = {"vault_key": KEY, "vault_password": PASSWORD, "vault_migrations": MIGRATIONS}
COLLEAGUE = {name: f"other-{name}" for name in VALUES}


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make guesses cheap but for what a play does, which are hashes in processes of their own."""
    monkeypatch.setitem(fingerprints.COST, "n", 2)


def site(values: dict[str, str]) -> dict[str, Any]:
    """Return the entry of a site that uses three secrets, one of them for migrations alone."""
    return {
        "domain": "shop.example",
        "app": "shop",
        "environment": {"KEY": values["vault_key"], "DATABASE_URL": f"mysql://shop:{values['vault_password']}@/shop"},
        "migrate_environment": {"DATABASE_URL": f"mysql://migrations:{values['vault_migrations']}@/shop"},
        "database": {"password": values["vault_password"], "migration_password": values["vault_migrations"]},
    }


class Shop:
    """A server in a folder."""

    def __init__(self, root: Path) -> None:
        """Begin with a bare one."""
        self.root = root

    def write(self, file: str, environment: dict[str, str]) -> None:
        """Write an environment file as the roles do."""
        path = self.root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        escaped = {name: "".join(f"\\{c}" if c in '\\"`$' else c for c in text) for name, text in environment.items()}
        lines = [f'{name}="{text}"\n' for name, text in escaped.items()]
        path.write_text("# Ansible managed\n" + "".join(lines))

    def release(self, values: dict[str, str], name: str = "1a2b3c4d-5e6f7a8b", file: str | None = None) -> None:
        """Let a release with these secrets go live; the file of the environment is the release's own unless set."""
        link = self.root / "srv/shop/current"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(f"releases/{name}")
        self.write(file or f"etc/gunicorn/shop/{name}/env", site(values)["environment"])

    def migrate(self, values: dict[str, str]) -> None:
        """Let migrations run with these secrets."""
        self.write("srv/shop/migrate.env", site(values)["migrate_environment"])

    def secrets(self, values: dict[str, str], new: tuple[str, ...] = (), domains: list[str] | None = None) -> Any:
        return entries(values.items(), [site(values)], domains, set(new))

    def foreign(self, values: dict[str, str], **options: Any) -> list[str]:
        """Return the names of the secrets that are refused."""
        result = verified(Server(self.root), self.secrets(values, **options))
        return [list(values)[number] for number in result["foreign"]]

    def unrecorded(self, values: dict[str, str]) -> bool:
        return bool(verified(Server(self.root), self.secrets(values))["unrecorded"])

    def record(self, values: dict[str, str], is_check: bool = False) -> bool:
        """Record what is live, and tell whether that has changed anything."""
        return bool(recorded(Server(self.root), self.secrets(values), is_check)["changed"])


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


@pytest.fixture
def used(shop: Shop) -> Shop:
    """Return a server with a live release, set up by a run that came to its end."""
    shop.release(VALUES)
    shop.migrate(VALUES)
    assert shop.record(VALUES)
    return shop


def test_a_bare_server_takes_every_secret(shop: Shop) -> None:
    assert shop.foreign(VALUES) == []
    assert shop.unrecorded(VALUES)


def test_a_colleague_s_clone_is_refused_by_the_fingerprints_alone(used: Shop) -> None:
    (used.root / "srv/shop/current").unlink()
    assert used.foreign(COLLEAGUE) == list(VALUES)
    assert used.foreign(VALUES) == []
    assert not used.unrecorded(VALUES)


@pytest.mark.parametrize("file", ["etc/gunicorn/shop.env", None])
def test_a_colleague_s_clone_is_refused_by_what_is_live_where_no_fingerprint_is(shop: Shop, file: str | None) -> None:
    shop.release(VALUES, file=file)
    shop.migrate(VALUES)
    assert shop.foreign(VALUES) == []
    assert shop.foreign(COLLEAGUE) == list(VALUES)
    assert shop.unrecorded(VALUES)


def test_of_two_environments_that_of_the_release_counts(shop: Shop) -> None:
    shop.release(COLLEAGUE, file="etc/gunicorn/shop.env")
    shop.release(VALUES)
    assert shop.foreign(VALUES) == []


def test_only_the_secrets_that_differ_are_named(used: Shop) -> None:
    assert used.foreign({**VALUES, "vault_key": "another-key"}) == ["vault_key"]
    assert used.foreign({**COLLEAGUE, "vault_key": KEY}) == ["vault_password", "vault_migrations"]


def test_a_secret_that_a_site_has_not_had_before_is_taken(used: Shop) -> None:
    more = {**VALUES, "vault_token": "a-token-of-another-service"}
    secrets = used.secrets(VALUES)
    places = [{"app": "shop", "variable": "TOKEN", "migrations": False}]
    secrets += [{"name": "vault_token", "value": more["vault_token"], "matters": True, "new": False, "places": places}]
    assert verified(Server(used.root), secrets) == {"foreign": [], "unrecorded": True}


def test_a_new_secret_that_is_meant_is_taken_and_then_the_old_one_is_refused(used: Shop) -> None:
    new = {**VALUES, "vault_key": "the-new-canary"}
    assert used.foreign(new, new=("vault_key",)) == []
    used.release(new, "2b2b2b2b-5e6f7a8b")
    assert used.record(new)
    assert used.foreign(new) == []
    assert not used.unrecorded(new)
    assert used.foreign(VALUES) == ["vault_key"]


def test_a_new_secret_replaces_the_old_one_only_when_it_is_live(used: Shop) -> None:
    new = {**VALUES, "vault_key": "the-new-canary"}
    assert not used.record(new)
    assert used.foreign(VALUES) == []
    assert used.foreign(new) == ["vault_key"]


def test_a_run_that_was_killed_before_it_recorded_what_is_live_is_known_again(used: Shop) -> None:
    new = {**VALUES, "vault_key": "the-new-canary"}
    used.release(new, "2b2b2b2b-5e6f7a8b")
    assert used.foreign(new) == []
    assert used.unrecorded(new)
    assert used.record(new)
    assert not used.unrecorded(new)


def test_a_new_password_of_migrations_counts_though_none_have_run_since(used: Shop) -> None:
    new = {**VALUES, "vault_migrations": "the-new-canary"}
    assert used.record(new)
    assert used.foreign(new) == []
    assert used.foreign(VALUES) == ["vault_migrations"]


def test_a_play_about_one_site_does_not_mind_the_secrets_of_another(used: Shop) -> None:
    assert used.foreign(COLLEAGUE, domains=["other.example"]) == []
    assert used.foreign(COLLEAGUE, domains=["shop.example"]) == list(VALUES)


def test_check_mode_records_nothing(shop: Shop) -> None:
    assert shop.record(VALUES, is_check=True)
    assert not (shop.root / STORE).exists()


def test_the_fingerprints_are_for_root_alone_and_tell_no_secret(used: Shop) -> None:
    file = used.root / STORE
    assert file.stat().st_mode & 0o777 == 0o600
    assert "canary" not in file.read_text()
    kept = json.loads(file.read_text())
    assert len({print_["salt"] for print_ in [*kept["secrets"].values(), kept["together"]]}) == len(VALUES) + 1


def test_one_slow_hash_is_enough_for_any_number_of_secrets(used: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    slow = fingerprints.digest

    def counted(text: str, salt: str) -> str:
        asked.append(salt)
        return slow(text, salt)

    monkeypatch.setattr(fingerprints, "digest", counted)
    assert used.foreign(VALUES) == []
    assert len(asked) == 1


def test_a_secret_that_is_not_used_any_more_costs_one_run_and_no_more(used: Shop) -> None:
    fewer = {name: value for name, value in VALUES.items() if name != "vault_key"}
    secrets = [{**secret, "places": []} for secret in used.secrets(VALUES) if secret["name"] in fewer]
    assert verified(Server(used.root), secrets) == {"foreign": [], "unrecorded": True}
    assert recorded(Server(used.root), secrets, False)["changed"]
    assert verified(Server(used.root), secrets) == {"foreign": [], "unrecorded": False}
    # It comes back as what it was.
    assert used.foreign({**VALUES, "vault_key": "another-key"}) == ["vault_key"]


def test_a_damaged_file_is_said_to_be_one(used: Shop) -> None:
    (used.root / STORE).write_text("{}")
    with pytest.raises(ValueError, match=r"secrets\.json is damaged: remove it"):
        Server(used.root)


@pytest.mark.parametrize(
    ("value", "text", "stands"),
    [
        ("p@ss/word", "mysql://shop:p%40ss%2Fword@localhost/shop", True),
        ("canary-one", "Y2FuYXJ5LW9uZQ==", True),
        ("one", "mysql://shop:one@localhost/shop", True),
        ("one", "mysql://shop:someone@localhost/shop", False),
    ],
)
def test_a_secret_is_found_in_an_address_and_not_by_chance(value: str, text: str, stands: bool) -> None:
    assert bool(fingerprints.stands_in(value, text)) is stands


def test_the_secrets_of_sites_are_found_however_indirectly_they_are_used() -> None:
    variables = {
        "sites": ["{{ shop }}"],
        "shop": {"password": "{{ vault_one | urlencode }}", "key": "{{ key }}"},
        "key": "{% if true %}{{ vault_two.key }}{% endif %}",
        "vault_one": "1",
        "vault_two": {"key": "2"},
        "vault_three": "not of a site",
        "hostvars": {"vault_three": ""},
    }
    assert sorted(names_used(variables["sites"], variables, set())) == ["vault_one", "vault_two"]


def test_the_refusal_names_the_variables_and_both_ways_out() -> None:
    assert refusal(["vault_two", "vault_one"], "web01", {"vault_three"}) == (
        "vault_two, vault_one: not the values that web01 has. Get them from whoever set it up (the folder .secrets, or "
        "the vault's password), or, if new ones are meant, add -e new_secrets=vault_one,vault_three,vault_two."
    )


def play(root: Path, **runs: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """Compare and record the secrets of a site as runs of a playbook do, each with some variables of its own.

    Return all that is said, and by run the line of its result. A run is a play on a host that is called after it, as
    one start of Ansible takes longer than all of them.
    """
    fingerprints = {"sites": "{{ sites }}", "new_secrets": "{{ new_secrets | default([]) }}", "root": str(root)}
    # One on whose hosts all failed would be the last.
    is_meant = "inventory_hostname != 'bystander'"
    tasks = [
        {"foobar.webstack.secret_fingerprints": fingerprints, "register": "compared", "when": is_meant},
        {
            "foobar.webstack.secret_fingerprints": {**fingerprints, "state": "recorded"},
            "when": [is_meant, "compared.unrecorded"],
        },
    ]
    names = {name: f"{{{{ {name} }}}}" for name in VALUES}
    here = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    told = {"sites": [site(names)], **here, **VALUES}
    plays = [
        {"hosts": f"{name}:bystander", "gather_facts": False, "vars": {**told, **variables}, "tasks": tasks}
        for name, variables in runs.items()
    ]
    (root / "play.yml").write_text(json.dumps(plays))
    result = run(["ansible-playbook", "-vvv", f"--inventory={','.join(runs)},bystander", str(root / "play.yml")])
    said = result.stdout + result.stderr
    return said, dict(re.findall(r"^(\w+) +: (ok=.*)$", said, re.MULTILINE))


def test_a_play_takes_the_secrets_and_then_no_others_and_shows_none(tmp_path: Path) -> None:
    said, results = play(
        tmp_path,
        first={},
        second={},
        other={"vault_key": "canary-of-a-colleague"},
        unknown={"new_secrets": "vault_kye"},
        meant={"vault_key": "canary-of-a-colleague", "new_secrets": ["vault_key"]},
    )
    assert "changed=1" in results["first"]
    assert "changed=0" in results["second"]
    assert refusal(["vault_key"], "other", set()) in " ".join(said.split())
    assert "new_secrets: vault_kye is no secret of the sites; they use vault_key, vault_migrations" in said
    assert "failed=0" in results["meant"]
    assert {name for name, result in results.items() if "failed=1" in result} == {"other", "unknown"}
    # What a play is told is no secret to who reads the play; -vvv shows its path alone.
    assert "canary" not in said

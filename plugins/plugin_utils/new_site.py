"""What a new folder of sites is made of: the answers to a few questions, checked, and what follows from them."""

from __future__ import annotations

import ipaddress
import os
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.foobar.webstack.plugins.module_utils.app_lists import SYSTEM_USERS
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.types import Finding

LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)", re.IGNORECASE | re.ASCII)
SITES = "group_vars/all/sites.yml"
VAULT_PASSWORD = ".vault_password"
PLAYBOOKS = ("certificates", "check", "deploy", "logs", "maintenance", "releases", "rollback", "run", "site")
# An environment is a group, and the name of a file beside the playbooks.
RESERVED = {*PLAYBOOKS, "all", "app", "db", "dns", "hosts", "requirements", "ungrouped", "web"}
# What a folder may hold that is no folder of sites yet.
HARMLESS = {".git", ".gitignore", ".venv", "LICENSE"}
# By one of these a folder of sites is known, an interrupted start's too.
OURS = (SITES, VAULT_PASSWORD)
IGNORED = ("/.vault_password", "/.cache/", "/.venv/")
# Pinned as in the tests' lock.
ANSIBLE = (
    'ansible==12.3.0 ; python_version < "3.12"',
    'ansible==14.5.0 ; python_version >= "3.12"',
)
OCTODNS = "octodns==1.22.0"


class NewSiteError(Exception):
    """The folder can't have the site; the text is one sentence for the user."""


class Loader(yaml.SafeLoader):
    """Reads a user's YAML, encrypted values and all; those are not looked into."""


Loader.add_multi_constructor("!", lambda _loader, _suffix, _node: "")


@dataclass(frozen=True)
class Provider:
    """A DNS provider: the package that octoDNS needs for it, its class, its settings, and those that are secrets."""

    package: str
    class_name: str
    settings: dict[str, str]
    secrets: tuple[str, ...]


PROVIDERS = {
    "rfc2136": Provider(
        "octodns-bind==1.1.0",
        "octodns_bind.Rfc2136Provider",
        {"host": "ns1.{domain}", "key_name": "webstack", "key_algorithm": "hmac-sha256"},
        ("key_secret",),
    ),
    "route53": Provider(
        "octodns-route53==1.3.1",
        "octodns_route53.Route53Provider",
        {},
        ("access_key_id", "secret_access_key"),
    ),
    "cloudflare": Provider("octodns-cloudflare==1.2.0", "octodns_cloudflare.CloudflareProvider", {}, ("token",)),
}


@dataclass(frozen=True)
class Answers:
    """What a user has said; each is a text. `dns` is a key of PROVIDERS or none, `mail` may be empty."""

    folder: str
    domain: str
    address: str
    ssh_user: str
    source: str
    dns: str
    mail: str
    env: str

    @classmethod
    def of(cls, texts: Mapping[str, str]) -> Answers:
        """Return answers as they are meant: www. is an alias of the domain, and case is nothing in a name."""
        given = cls(**{name: text.strip() for name, text in texts.items()})
        return replace(given, domain=given.domain.lower().removeprefix("www."))

    def mistakes(self) -> list[str]:
        """Return one sentence for each answer that can't be right, by the name under which -e takes it."""
        wrong = {
            "folder": "it is empty; name the folder to write, such as ~/site." * (not self.folder),
            "domain": f"{self.domain!r} is no domain; write one like shop.example.com." * (not is_domain(self.domain)),
            "address": f"{self.address!r} is no IP address of a server; write one like 203.0.113.7."
            * (not is_address(self.address)),
            "ssh_user": f"{self.ssh_user!r} is no user; write the one that logs in at the server, such as root."
            * (not re.fullmatch(r"[a-z_][a-z0-9_-]{0,31}", self.ssh_user)),
            "source": self._source_mistake(),
            "dns": f"{self.dns!r} is not known; it is none, {', '.join(PROVIDERS)}."
            * (self.dns not in ("none", *PROVIDERS)),
            "mail": f"{self.mail!r} is no mail address; leave it empty or write one like you@{self.domain}."
            * (not re.fullmatch(r"([^@\s]+@[^@\s]+)?", self.mail)),
            "env": f"{self.env!r} is no name of an environment; write one like staging."
            * (not re.fullmatch(r"[a-z][a-z0-9_]*", self.env) or self.env in RESERVED),
        }
        return [f"{name}: {sentence}" for name, sentence in wrong.items() if sentence]

    def _source_mistake(self) -> str:
        """Return what is wrong with the source as it is written."""
        if not self.source:
            return "it is empty; name the folder of the application, or its git repository."
        if re.match(r"\w+://[^/@]*:[^/@]*@", self.source):
            return "the address holds a password, and would stand in a file; use SSH, or a credential helper of git."
        return ""


def is_domain(text: str) -> bool:
    """Tell whether a text is a host name of at least two labels, and no address."""
    labels = text.split(".")
    return len(text) < 254 and len(labels) > 1 and all(map(LABEL.fullmatch, labels)) and not labels[-1].isdigit()


def is_address(text: str) -> bool:
    """Tell whether a text is an IPv4 or IPv6 address that a server can have for its visitors."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text and not (address.is_unspecified or address.is_multicast or address.is_link_local)


def is_repository(source: str) -> bool:
    """Tell whether a source is a git repository's address, and no folder of this machine."""
    return bool(re.match(r"(https?|ssh|git|file)://|[\w.-]+@[\w.-]+:", source)) or source.endswith(".git")


def folder_mistake(folder: Path, source: str) -> str:
    """Return why a folder can't be written to, in a sentence, or an empty text."""
    if folder.exists() and not folder.is_dir():
        return f"folder: {folder} is a file; name a folder."
    if not is_repository(source) and folder.resolve().is_relative_to(Path(source).expanduser().resolve()):
        return (
            f"folder: {folder} is in the application's own; name one beside it, for a release holds all that is there."
        )
    if not folder.exists() or any((folder / name).exists() for name in OURS):
        return ""
    others = sorted({path.name for path in folder.iterdir()} - HARMLESS)
    if not others:
        return ""
    shown = ", ".join(others[:3]) + (", …" if len(others) > 3 else "")
    return f"folder: {folder} holds other files ({shown}); name an empty folder, or one that is not there yet."


def known_sites(folder: Path) -> list[dict[str, Any]]:
    """Return the entries that a folder has; raise NewSiteError where they can't be read."""
    path = folder / SITES
    if not path.exists():
        return []
    try:
        sites = yaml.load(path.read_text(), Loader=Loader)["sites"]
        return [site for site in sites if isinstance(site, dict)]
    except (OSError, yaml.YAMLError, KeyError, TypeError):
        raise NewSiteError(f"{path} has no list `sites` that can be read; mend it first.") from None


def app_name(domain: str, taken: Iterable[str] = ()) -> str:
    """Return what the app of a domain is called: its user, its units and its folder; at most 24 characters.

    It is the first label of the domain, or as many as it takes to be nobody else's name.
    """
    labels = [re.sub(r"[^a-z0-9]+", "_", label).strip("_") for label in domain.lower().split(".")]
    names = ["_".join(labels[:count]) for count in range(1, len(labels) + 1)]
    names = [(name if name[:1].isalpha() else f"site_{name}")[:24] for name in names]
    free = [name for name in names if name not in SYSTEM_USERS and name not in set(taken)]
    if not free:
        raise NewSiteError(f"domain: the name {names[0]} is taken; add the site's entry by hand, under another name.")
    return free[0]


def located(answers: Answers, folder: Path) -> Finding:
    """Return where the code comes from, as an entry has it.

    A path goes by the folder of the sites, so that both can move together.
    """
    place = Path(answers.source).expanduser()
    if is_repository(answers.source) and not place.exists():
        return Finding("repo", answers.source, "")
    key = "repo" if is_repository(answers.source) else "directory"
    path = os.path.relpath(place.resolve(), folder.resolve())
    # A repository is told from a path by its first characters.
    return Finding(key, path if path.startswith(".") or key == "directory" else f"./{path}", "")


def known_app(source: Finding, known: list[dict[str, Any]]) -> str:
    """Return the app that comes from a source already, or an empty text."""
    return next((str(site["app"]) for site in known if site.get(source.key) == source.value and "app" in site), "")


def inventory_mistake(path: Path, env: str) -> str:
    """Return why an inventory that is there has no use for an environment's variables, or an empty text."""

    def groups(value: Any) -> set[str]:
        children = value.get("children") or {} if isinstance(value, dict) else {}
        return set(children).union(*map(groups, children.values()))

    if not path.exists():
        return ""
    try:
        found = set[str]().union(*map(groups, (yaml.load(path.read_text(), Loader=Loader) or {}).values()))
    except (OSError, yaml.YAMLError, AttributeError):
        return f"{path} can't be read as an inventory in YAML; mend it first."
    return "" if env in found else f"{path} has no group {env}; put the server into one, for its variables stand there."


def provider_settings(provider: Provider, domain: str, env: str) -> dict[str, str]:
    """Return `dns_provider` for a zone: its secrets come from the vault, which the user has to put them into."""
    hint = f"put it into the vault: ansible-vault edit group_vars/{env}/vault.yml"
    return {
        "class": provider.class_name,
        **{name: value.format(domain=domain) for name, value in provider.settings.items()},
        **{
            name: f"{{{{ vault_dns_{name} | mandatory('vault_dns_{name} is not set; {hint}') }}}}"
            for name in provider.secrets
        },
    }


def files(answers: Answers, app: str, folder: Path) -> list[dict[str, Any]]:
    """Return the files that a folder lacks, as the module `templates` takes them; none that is there is touched."""
    env = answers.env
    wanted = {
        inventory_file(env): "hosts.yml",
        "ansible.cfg": "ansible.cfg",
        "requirements.yml": "requirements.yml",
        "requirements.txt": "requirements.txt",
        "README.md": "README.md",
        ".github/workflows/deploy.yml": "github.yml",
        ".gitlab-ci.yml": "gitlab-ci.yml",
        f"group_vars/{env}/{app}.yml": "domain.yml",
        **({"group_vars/all/dns.yml": "dns.yml"} if answers.dns != "none" else {}),
        **({"group_vars/all/certificates.yml": "mail.yml"} if answers.mail else {}),
    }
    found: list[dict[str, Any]] = [
        *({"src": f"new/{template}.j2", "dest": str(folder / path)} for path, template in wanted.items()),
        *(
            {"src": "new/playbook.yml.j2", "dest": str(folder / f"{name}.yml"), "vars": {"playbook": name}}
            for name in PLAYBOOKS
        ),
    ]
    return [file for file in found if not os.path.lexists(file["dest"])]


def inventory_file(env: str) -> str:
    """Return the inventory of an environment: production's is the one that no command has to name."""
    return "hosts.yml" if env == "production" else f"{env}.yml"


def requirements(answers: Answers) -> list[str]:
    """Return the lines of requirements.txt: Ansible, and what the DNS provider needs."""
    provider = PROVIDERS.get(answers.dns)
    return [*ANSIBLE, *([OCTODNS, provider.package] if provider else [])]


def variables(answers: Answers, app: str, version: str) -> dict[str, Any]:
    """Return what the templates of the files read."""
    provider = PROVIDERS.get(answers.dns)
    return {
        "address": answers.address,
        "app": app,
        "domain": answers.domain,
        "env": answers.env,
        "groups": ["web", "app", "db", *(["dns"] if provider else []), answers.env],
        "host": "web01" if answers.env == "production" else f"{answers.env}01",
        "inventory": inventory_file(answers.env),
        "mail": answers.mail,
        "provider": provider_settings(provider, answers.domain, answers.env) if provider else {},
        "requirements": requirements(answers),
        "ssh_user": answers.ssh_user,
        "version": version,
    }


def next_steps(answers: Answers, app: str, folder: Path, written: Iterable[str], questions: list[str]) -> list[str]:
    """Return what a user does next, a sentence each; `written` are the paths of the files that were not there."""
    new = {os.path.relpath(path, folder) for path in written}
    inventory = inventory_file(answers.env)
    option = "" if answers.env == "production" else f" -i {inventory}"
    kept = {
        inventory: f"{inventory} was there and stays: address, ssh_user and the group dns are as it has them.",
        f"group_vars/{answers.env}/{app}.yml": f"{app} was in {answers.env} already, and keeps its domain.",
    }
    others = sorted(path.parent.name for path in folder.glob("group_vars/*/*.yml"))
    others = [env for env in dict.fromkeys(others) if env not in ("all", answers.env)]
    # Here the app itself gets its domain now; a site by hand may have none in any environment.
    apps = [str(site.get("app")) for site in known_sites(folder) if site.get("app") != app]
    split = [name for name in apps if not all(_lacks(folder, env, name) for env in others)]
    lacking = [*((env, app) for env in others), *((answers.env, name) for name in split)]
    return [
        f"{folder} is ready: its README.md says how it is used.",
        *(sentence for path, sentence in kept.items() if path not in new),
        *(
            f"{env} lacks {name} as yet: start that with -e env={env}, too."
            for env, name in lacking
            if _lacks(folder, env, name)
        ),
        *(f"In {SITES}, answer: {question}" for question in questions),
        f"Then: cd {shlex.quote(str(folder))} && ansible-playbook check.yml{option}",
    ]


def _lacks(folder: Path, env: str, app: str) -> bool:
    """Tell whether an environment has no domain for an app."""
    return not (folder / f"group_vars/{env}/{app}.yml").exists()

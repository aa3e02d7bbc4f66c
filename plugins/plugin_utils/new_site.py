"""What a new folder of sites is made of: the answers to a few questions, checked, and what follows from them."""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.foobar.webstack.plugins.plugin_utils.application_types import Finding

LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)", re.IGNORECASE)
# Files by which a folder of sites is known.
SITES = "group_vars/all/sites.yml"
VAULT_PASSWORD = ".vault_password"
GROUPS = ("all", "app", "db", "dns", "ungrouped", "web")
# What a folder may hold that is no folder of sites yet.
HARMLESS = {".git", ".gitignore", ".venv", "LICENSE"}
PLAYBOOKS = ("check", "deploy", "maintenance", "releases", "rollback", "site")
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

    def mistakes(self) -> list[str]:
        """Return one sentence for each answer that can't be right, by the name under which -e takes it."""
        wrong = {
            "folder": "it is empty; name the folder to write, such as ~/site." * (not self.folder.strip()),
            "domain": f"{self.domain!r} is no domain; write one like shop.example.com." * (not is_domain(self.domain)),
            "address": f"{self.address!r} is no IP address; DNS records and SSH lead to one, such as 203.0.113.7."
            * (not is_address(self.address)),
            "ssh_user": f"{self.ssh_user!r} is no user; write the one that logs in at the server, such as root."
            * (not re.fullmatch(r"[a-z_][a-z0-9_-]{0,31}", self.ssh_user)),
            "source": "it is empty; name the folder of the application, or its git repository."
            * (not self.source.strip()),
            "dns": f"{self.dns!r} is not known; it is none, {', '.join(PROVIDERS)}."
            * (self.dns not in ("none", *PROVIDERS)),
            "mail": f"{self.mail!r} is no mail address; leave it empty or write one like you@{self.domain}."
            * (not re.fullmatch(r"([^@\s]+@[^@\s]+)?", self.mail)),
            "env": f"{self.env!r} is no name of an environment; use lower-case letters, digits and _, as in staging."
            * (not re.fullmatch(r"[a-z][a-z0-9_]*", self.env) or self.env in GROUPS),
        }
        return [f"{name}: {sentence}" for name, sentence in wrong.items() if sentence]


def is_domain(text: str) -> bool:
    """Tell whether a text is a host name of at least two labels, and no address."""
    labels = text.split(".")
    return len(text) < 254 and len(labels) > 1 and all(map(LABEL.fullmatch, labels)) and not labels[-1].isdigit()


def is_address(text: str) -> bool:
    """Tell whether a text is an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_repository(source: str) -> bool:
    """Tell whether a source is a git repository's address, and no folder of this machine."""
    return bool(re.match(r"(https?|ssh|git|file)://|[\w.-]+@[\w.-]+:", source)) or source.endswith(".git")


def folder_mistake(folder: Path) -> str:
    """Return why a folder can't be written to, in a sentence, or an empty text."""
    if folder.exists() and not folder.is_dir():
        return f"folder: {folder} is a file; name a folder."
    # A run that was interrupted has left the password, at least; it is completed.
    if not folder.exists() or any((folder / name).exists() for name in (SITES, VAULT_PASSWORD)):
        return ""
    others = sorted({path.name for path in folder.iterdir()} - HARMLESS)
    if not others:
        return ""
    shown = ", ".join(others[:3]) + (", …" if len(others) > 3 else "")
    return f"folder: {folder} holds other files ({shown}); name an empty folder, or one that is not there yet."


def app_name(domain: str) -> str:
    """Return what the app of a domain is called: its user, its units and its folder; at most 24 characters."""
    labels = [label for label in domain.lower().split(".") if label != "www"]
    name = re.sub(r"[^a-z0-9]+", "_", labels[0]).strip("_")
    return (name if name[:1].isalpha() else f"site_{name}")[:24]


def known_sites(folder: Path) -> list[dict[str, Any]]:
    """Return the entries that a folder has; raise NewSiteError where they can't be read."""
    path = folder / SITES
    if not path.exists():
        return []
    try:
        sites = yaml.load(path.read_text(), Loader=Loader)["sites"]
        return [site for site in sites if isinstance(site, dict)]
    except (yaml.YAMLError, KeyError, TypeError):
        raise NewSiteError(f"{path} has no list `sites` that can be read; mend it first.") from None


def named(answers: Answers, folder: Path, known: list[dict[str, Any]]) -> tuple[list[Finding], str]:
    """Return where the code comes from, as an entry has it, and the name of the app.

    It is the known one of the same source, in another environment; else one after the domain that no site has yet.
    """
    if is_repository(answers.source):
        finding = Finding("repo", answers.source, "")
    else:
        finding = Finding("directory", directory(Path(answers.source).expanduser(), folder), "")
    for site in known:
        if site.get(finding.key) == finding.value:
            return [finding], str(site["app"])
    app = app_name(answers.domain)
    if app in {site.get("app") for site in known}:
        raise NewSiteError(
            f"{folder / SITES} has another site whose app is {app}; add this one by hand under another name."
        )
    return [finding], app


def vault(folder: Path, env: str, app: str) -> Path:
    """Return the file for the secrets of an app in an environment: vault.yml for the first site there."""
    first = folder / f"group_vars/{env}/vault.yml"
    return first.with_name(f"vault_{app}.yml") if first.exists() else first


def next_steps(answers: Answers, folder: Path, questions: list[str]) -> list[str]:
    """Return what a user does next, a sentence each."""
    inventory = "" if answers.env == "production" else f" -i {inventory_file(answers.env)}"
    return [
        f"{folder} is ready: its README.md says how it is used.",
        *(f"In {SITES}, answer: {question}" for question in questions),
        f"Then: cd {folder} && ansible-playbook check.yml{inventory}",
    ]


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


def directory(source: Path, folder: Path) -> str:
    """Return how an entry names an application's folder: by a relative path, so that both can move together."""
    return os.path.relpath(source.resolve(), folder.resolve())


def files(answers: Answers, app: str, folder: Path) -> list[dict[str, str]]:
    """Return the files of a folder as template and destination; those that are there already are left alone."""
    env = answers.env
    wanted = {
        inventory_file(env): "hosts.yml",
        "ansible.cfg": "ansible.cfg",
        "requirements.yml": "requirements.yml",
        "requirements.txt": "requirements.txt",
        ".gitignore": "gitignore",
        "README.md": "README.md",
        ".github/workflows/deploy.yml": "github.yml",
        ".gitlab-ci.yml": "gitlab-ci.yml",
        f"group_vars/{env}/{app}.yml": "domain.yml",
        **({"group_vars/all/dns.yml": "dns.yml"} if answers.dns != "none" else {}),
        **({"group_vars/all/certificates.yml": "mail.yml"} if answers.mail else {}),
    }
    found = [{"src": f"new/{template}.j2", "dest": str(folder / path)} for path, template in wanted.items()]
    for name in PLAYBOOKS:
        found.append({"src": "new/playbook.yml.j2", "dest": str(folder / f"{name}.yml"), "playbook": name})
    return [file for file in found if not Path(file["dest"]).exists()]


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
        "provider": {"settings": provider_settings(provider, answers.domain, answers.env)} if provider else {},
        "requirements": requirements(answers),
        "ssh_user": answers.ssh_user,
        "version": version,
    }

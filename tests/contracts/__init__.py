"""What the repository's files promise each other, read from them without a machine."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment

ROOT = Path(__file__).parents[2]
PLAYBOOKS = ROOT / "playbooks"
ROLES = ["app_deploy", "dns_records", "gunicorn", "mysql", "nginx", "redis", "swap", "tls", "uwsgi"]
# Facts that roles leave to the rest of the playbook; their READMEs name them.
FACTS = {
    "app_deploy_result",
    "gunicorn_settings",
    "mysql_pending_restart",
    "nginx_pending_restart",
    "redis_pending_restart",
    "tls_result",
    "uwsgi_settings",
}


class Plugins(dict[str, Any]):
    """Ansible's filters and tests, for a Jinja that only reads."""

    def get(self, name: str, default: Any = None) -> Any:
        """Return something for every name."""
        return super().get(name, len)


jinja = Environment()
jinja.filters, jinja.tests = Plugins(jinja.filters), Plugins(jinja.tests)


@cache
def load(path: Path) -> Any:
    """Read a YAML file, once for all tests; one that is not there is empty."""
    return yaml.safe_load(path.read_text()) if path.exists() else None


def spec(role: str) -> dict[str, Any]:
    """Return the options of the role's main entry point, without old names."""
    options = entry_points(role)["main"]["options"]
    return {name: option for name, option in options.items() if not is_old(option)}


def is_old(option: dict[str, Any]) -> bool:
    """Tell whether an option is an old name of another, which works for one more minor version."""
    return str(option.get("description")).startswith("Deprecated")


def entry_points(role: str) -> dict[str, Any]:
    """Return what the role can be asked to do."""
    return dict(load(ROOT / "roles" / role / "meta/argument_specs.yml")["argument_specs"])


def all_options(role: str) -> dict[str, Any]:
    """Return the options of all the role's entry points."""
    return {name: option for entry in entry_points(role).values() for name, option in entry["options"].items()}

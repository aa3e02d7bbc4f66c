"""Templates filled in as their roles do, without a machine."""

from functools import cache
from pathlib import Path
from typing import Any

from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROLES = Path(__file__).parents[2] / "roles"


@cache
def own(role: str) -> dict[str, Any]:
    """Return a role's own variables, not filled in."""
    values: dict[str, Any] = {"ansible_managed": "Ansible managed", "role_path": str(ROLES / role)}
    for folder in ("defaults", "vars"):
        values |= DataLoader().load_from_file(str(ROLES / role / folder / "main.yml"), trusted_as_template=True)
    return values


def templar(role: str, **variables: Any) -> Templar:
    """Return what fills in templates with a role's own variables and some more."""
    return Templar(loader=DataLoader(), variables={**own(role), **variables})


def render(role: str, template: str, variables: dict[str, Any], **options: Any) -> str:
    """Fill in a role's template file as the template module does, with some of its options."""
    folder = ROLES / role / "templates"
    source = trust_as_template((folder / template).read_text())
    filler = templar(role, **variables)
    with filler.set_temporary_context(searchpath=[str(folder)]):
        return str(filler.template(source, escape_backslashes=False, overrides=options) or "")


def value(role: str, name: str, **variables: Any) -> Any:
    """Return the value of a role's variable."""
    return templar(role, **variables).template(trust_as_template(f"{{{{ {name} }}}}"))

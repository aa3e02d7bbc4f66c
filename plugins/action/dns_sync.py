"""Bring DNS zones to what is listed, with octoDNS, on the controller."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any, TypedDict

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.foobar.webstack.plugins.plugin_utils.zones import Zone, secrets

HELPERS = Path(__file__).parents[1] / "plugin_utils" / "octodns"
TIMEOUT = 300
# Zones that are read at the same time, as each takes some round trips; providers throttle who asks much more.
WORKERS = 8


class Outcome(TypedDict):
    """What octoDNS printed: the plans of the zones that change, and the records that can't be compared."""

    plans: list[dict[str, Any]]
    varying: list[str]


class ActionModule(ActionBase):
    """Run octodns-sync and say what it changed; nothing secret leaves this process but through a pipe."""

    _requires_connection = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Plan and, outside check mode, apply."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _, args = self.validate_argument_spec(
            {
                "zones": {"type": "list", "elements": "dict", "required": True},
                "executable": {"type": "str", "default": "octodns-sync"},
                "force": {"type": "bool", "default": False},
            }
        )
        zones: list[Zone] = args["zones"]
        options = ["--doit"] * (not self._task.check_mode) + ["--force"] * args["force"]
        done = sync(zones, args["executable"], options) if zones else Outcome(plans=[], varying=[])
        lines = [line for plan in done["plans"] for line in plan_lines(plan)]
        result.update(changed=bool(lines), msg="\n".join(lines) or "Nothing to change.")
        if done["varying"]:
            result["varying"] = done["varying"]
        if lines and self._task.diff:
            result["diff"] = [plan_diff(plan) for plan in done["plans"]]
        elif lines:
            result["_ansible_verbose_always"] = True
        return result


def sync(zones: list[Zone], executable: str, options: list[str]) -> Outcome:
    """Run octodns-sync for all zones at once and return what it plans."""
    done = run(zones, executable, options, WORKERS)
    if done.returncode == 0:
        outcome: Outcome = json.loads(done.stdout)
        return outcome
    log = done.stderr
    if len(zones) > 1 and not has_begun(log):
        # Read one after the other, the zones tell which of them it is.
        again = run(zones, executable, [option for option in options if option != "--doit"], 1)
        log = again.stderr if again.returncode else log
    raise AnsibleActionFail(failure(zones, log))


def run(zones: list[Zone], executable: str, options: list[str], workers: int) -> subprocess.CompletedProcess[str]:
    """Run octodns-sync with its configuration, secrets included, on its standard input."""
    path = [str(HELPERS), os.environ.get("PYTHONPATH", "")]
    try:
        return subprocess.run(
            [executable, "--config-file", "/dev/stdin", *options],
            input=json.dumps(configuration(zones, workers)),
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, path)), "PYTHONWARNINGS": "ignore"},
        )
    except FileNotFoundError:
        raise AnsibleActionFail(f"octoDNS is not on the controller ({executable}): pip install octodns.") from None
    except subprocess.TimeoutExpired:
        raise AnsibleActionFail(f"octoDNS did not finish within {TIMEOUT} seconds.") from None


def configuration(zones: list[Zone], workers: int = WORKERS) -> dict[str, Any]:
    """Return octoDNS's configuration; zones with the same settings share a provider, which asks for its zones once."""
    providers: dict[str, str] = {}
    for zone in zones:
        providers.setdefault(json.dumps(zone["provider"], sort_keys=True), f"provider-{len(providers) + 1}")
    by_zone = {zone["zone"]: providers[json.dumps(zone["provider"], sort_keys=True)] for zone in zones}
    return {
        "manager": {"max_workers": workers, "plan_outputs": {"lines": {"class": "foobar_webstack.PlanLines"}}},
        "providers": {
            "listed": {
                "class": "foobar_webstack.ListedSource",
                "zones": {zone["zone"]: [octodns_record(record) for record in zone["records"]] for zone in zones},
            },
            **{by_zone[zone["zone"]]: zone["provider"] for zone in zones},
        },
        "processors": {"listed-only": {"class": "foobar_webstack.ListedOnly"}},
        "zones": {
            name: {"sources": ["listed"], "processors": ["listed-only"], "targets": [provider]}
            for name, provider in by_zone.items()
        },
    }


def octodns_record(record: Any) -> dict[str, Any]:
    """Return a record in octoDNS's own form."""
    values: list[Any] = record["values"]
    if record["type"] == "CNAME":
        return {**record, "value": values[0]}
    if record["type"] == "TXT":
        values = [value.replace(";", "\\;") for value in values]
    elif record["type"] == "MX":
        values = [dict(zip(("preference", "exchange"), value.split(), strict=True)) for value in values]
    elif record["type"] == "SRV":
        values = [dict(zip(("priority", "weight", "port", "target"), value.split(), strict=True)) for value in values]
    elif record["type"] == "CAA":
        parts = [value.split(" ", 2) for value in values]
        values = [{"flags": flags, "tag": tag, "value": value.strip('"')} for flags, tag, value in parts]
    return {**record, "values": values}


def plan_lines(plan: dict[str, Any]) -> list[str]:
    """Return a plan as lines to read."""
    before, after = plan["before"], plan["after"]
    created = [f"+ the zone {plan['zone']}"] * plan["new_zone"]
    gone = [f"- {line}" for line in before if line not in after]
    return created + gone + [f"+ {line}" for line in after if line not in before]


def plan_diff(plan: dict[str, Any]) -> dict[str, str]:
    """Return a plan as Ansible's difference."""
    before, after = ("".join(f"{line}\n" for line in plan[when]) for when in ("before", "after"))
    return {"before_header": plan["zone"], "after_header": plan["zone"], "before": before, "after": after}


def has_begun(log: str) -> bool:
    """Tell whether octoDNS has begun to apply its plan."""
    return "apply: making" in log


def failure(zones: list[Zone], log: str) -> str:
    """Say in a sentence or two, without secrets, why octoDNS failed and whether anything has changed."""
    last = next((line for line in reversed(log.splitlines()) if line.strip()), "it printed nothing")
    kind, _, detail = last.partition(": ")
    kind = kind.rsplit(".", 1)[-1]
    named = re.findall(r"apply: making \d+ changes to (\S+)", log) or re.findall(r"plan: desired=(\S+)", log)
    zone = named[-1].rstrip(".") if named else "the zone"
    if kind == "ProcessorException":
        why = detail
    elif kind in ("TooMuchChange", "RootNsChange"):
        why = f"octoDNS finds the change too big: {detail}. If it is meant, run once with dns_records_force=true"
    elif kind in ("AxfrSourceZoneTransferFailed", "Rfc2136ProviderUpdateFailed", "PeerBadKey", "PeerBadSignature"):
        why = (
            f"The name server of {zone} refuses: {detail or kind}. Check key_name, key_secret, key_algorithm and host "
            f"of its provider in dns_records_zones, and that the server lets this key transfer and update the zone"
        )
    elif kind == "ManagerException" and (found := re.search(r"Unknown provider class: ([\w.]+)", detail)):
        package = found[1].split(".")[0].replace("_", "-")
        why = f"The octoDNS provider {found[1]} in dns_records_zones is not installed: pip install {package}"
    elif kind == "ManagerException" and (wrong := re.findall(r"^TypeError: (.*)", log, re.MULTILINE)):
        why = f"The octoDNS provider in dns_records_zones does not accept its settings: {wrong[-1]}"
    elif last.startswith("binascii.Error"):
        why = f"The key_secret of the provider of {zone} in dns_records_zones is not base64"
    else:
        why = f"octoDNS failed at {zone}: {last}"
    for secret in (secret for item in zones for secret in secrets(item["provider"])):
        why = why.replace(secret, "********")
    return f"{why}. {'It had begun to apply the plan.' if has_begun(log) else 'Nothing was changed.'}"

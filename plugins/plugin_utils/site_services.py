"""What a site's application is told of the services beside it, and what it needs of its sandbox to reach them."""

from __future__ import annotations

import ipaddress
import json
import re
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils import names

Entry = dict[str, Any]

# What a relay's port says of its TLS, where the entry does not; all others begin with STARTTLS.
SECURITY = {25: "none", 465: "tls"}
SUBMISSION = 587


def redis_url(site: Entry) -> str:
    """Return the address of a site's Redis, as redis-py, rq and Django take it."""
    return f"unix://{names.redis(site['app'])}/redis.sock?db=0"


def mail_variables(smtp: Entry) -> dict[str, str]:
    """Return the variables of a mail relay, by the names of Django's settings; those that don't hold are left out."""
    port = int(smtp.get("port", SUBMISSION))
    security = smtp.get("security", SECURITY.get(port, "starttls"))
    found = {
        "EMAIL_HOST": smtp["host"],
        "EMAIL_PORT": port,
        "EMAIL_HOST_USER": smtp.get("user"),
        "EMAIL_HOST_PASSWORD": smtp.get("password"),
        "EMAIL_USE_TLS": security == "starttls" or None,
        "EMAIL_USE_SSL": security == "tls" or None,
        "DEFAULT_FROM_EMAIL": smtp.get("from"),
    }
    return {name: str(value) for name, value in found.items() if value is not None}


def variables(site: Entry) -> dict[str, str]:
    """Return the environment variables that lead to a site's services."""
    return {
        **({"REDIS_URL": redis_url(site)} if "redis" in site else {}),
        **(mail_variables(site["smtp"]) if "smtp" in site else {}),
    }


def units(site: Entry) -> list[str]:
    """Return the units of a site's services, of which the server may have one or the other."""
    return [f"{program}-server@{site['app']}.service" for program in ("valkey", "redis") if "redis" in site]


def relay_addresses(site: Entry) -> list[str]:
    """Return the addresses of a site's mail relay; one by name has none that stays."""
    host = str(site.get("smtp", {}).get("host", ""))
    if host == "localhost":
        return ["127.0.0.1", "::1"]
    try:
        return [str(ipaddress.ip_address(host))]
    except ValueError:
        return []


def opened(site: Entry, sandbox: Entry) -> Entry:
    """Return a site's further keys for its application server, in which its mail relay can be reached.

    One by address is let through alone. One by name needs DNS, and its addresses change, so it needs the network.
    """
    if "smtp" not in site or sandbox.get("network"):
        return sandbox
    addresses = relay_addresses(site)
    if not addresses:
        return {"network": True, **sandbox}
    own = sandbox.get("ip_address_allow", [])
    return {**sandbox, "ip_address_allow": addresses + own if isinstance(own, list) else own}


def relay_mistakes(site: Entry) -> list[str]:
    """Return a sentence where a mail relay is none, or a site's sandbox would keep its application from it."""
    server = site.get("server", "gunicorn")
    sandbox, smtp = site.get(server, {}), site.get("smtp", {})
    if not 0 < int(smtp.get("port", SUBMISSION)) < 65536:
        return [f"sites: port in smtp of {site['domain']} is {smtp['port']}; ports go from 1 to 65535."]
    if not smtp or relay_addresses(site):
        return []
    if not re.fullmatch(r"[A-Za-z0-9]([\w.-]*[A-Za-z0-9])?", str(smtp["host"]), re.ASCII):
        return [
            f"sites: host in smtp of {site['domain']} is {json.dumps(smtp['host'])}; write an address or a name alone, "
            "as the port is a key of its own."
        ]
    return [
        f"sites: smtp of {site['domain']} has the relay {site['smtp']['host']} by its name, which needs all of the "
        f"network: write its address there, or take {key} out of {server}."
        for key in ("network", "ip_address_allow")
        if key in sandbox and not sandbox.get("network")
    ]


def opened_networks(sites: list[Entry]) -> list[str]:
    """Return a sentence for each site whose application has the network because of its mail relay alone."""
    return [
        f"{site['domain']}: smtp opens the network to {site['app']}, as {site['smtp']['host']} is a name; by its "
        "address it would reach the relay alone."
        for site in sites
        if "smtp" in site
        and not relay_addresses(site)
        and not site.get(site.get("server", "gunicorn"), {}).get("network")
    ]

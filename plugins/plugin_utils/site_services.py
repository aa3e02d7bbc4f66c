"""What a site's application is told of the services beside it, and what it needs of its sandbox to reach them."""

from __future__ import annotations

from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils import names

Entry = dict[str, Any]


def redis_url(site: Entry) -> str:
    """Return the address of a site's Redis, as redis-py, rq and Django take it."""
    return f"unix://{names.redis(site['app'])}/redis.sock?db=0"


def variables(site: Entry) -> dict[str, str]:
    """Return the environment variables that lead to a site's services."""
    return {"REDIS_URL": redis_url(site)} if "redis" in site else {}


def units(site: Entry) -> list[str]:
    """Return the units of a site's services, of which the server may have one or the other."""
    return [f"{program}-server@{site['app']}.service" for program in ("valkey", "redis") if "redis" in site]

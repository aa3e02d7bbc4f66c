"""Filters of the role nginx on what its locations say by themselves, and on who reads files for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils.nginx_locations import is_on

# A site, or one of its locations.
Entry = Mapping[str, Any]

_UNIT = "/etc/systemd/system/nginx-files@.service"
# For an hour nobody says a word: a WebSocket, or a stream of events.
_STREAMING = {
    "proxy_buffering": False,
    "proxy_cache": False,
    "gzip": False,
    "proxy_read_timeout": "1h",
    "proxy_send_timeout": "1h",
}


def nginx_directives(location: Entry) -> dict[str, Any]:
    """Return a location's directives beside its headers; those of its `options` take the place of the role's."""
    own: dict[str, Any] = {key: location[key] for key in ("root", "alias", "try_files", "return") if key in location}
    if "proxy_pass" in location:
        own["proxy_pass"] = location["proxy_pass"]
    if "user" in location:
        del own["alias"]
        own["proxy_pass"] = f"http://unix:{_reader(str(location['user']))['socket']}:{location['alias']}"
        # It is on this server's disk already.
        own |= {"proxy_cache": False, "proxy_max_temp_file_size": 0}
    elif "root" in location or "alias" in location:
        own["gzip_static"] = True
    if is_on(location, "streaming"):
        own |= _STREAMING
    if "fallback" in location or is_on(location, "single_page"):
        own["log_not_found"] = False
    return {**own, **location.get("options", {})}


def nginx_readers(sites: list[Entry]) -> list[dict[str, Any]]:
    """Return the nginx of its own for each user whose files are read: its `user`, names, and `folders`, sorted."""
    folders: dict[str, set[str]] = {}
    for site in sites:
        for location in site["locations"]:
            if "user" in location and "alias" in location:
                folders.setdefault(str(location["user"]), set()).add(str(location["alias"]))
    return [{**_reader(user), "folders": sorted(found)} for user, found in sorted(folders.items())]


def _reader(user: str) -> dict[str, Any]:
    """Return what the nginx that reads files as a user is called, and where its configuration and its socket are."""
    return {
        "user": user,
        "unit": f"nginx-files@{user}",
        "configuration": f"/etc/nginx/webstack-files-{user}.conf",
        "socket": f"/run/nginx-files-{user}/socket",
    }


def nginx_reader_files(of_users: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the files of these readers, as the module templates takes them."""
    unit = {"src": "files.service.j2", "dest": _UNIT}
    own = [{"src": "files.conf.j2", "dest": one["configuration"], "vars": {"reader": one}} for one in of_users]
    return [unit, *own] if own else []


def nginx_reader_steps(
    of_users: list[dict[str, Any]], units: Mapping[str, Mapping[str, Any]], written: list[str], found: list[str]
) -> dict[str, list[str]]:
    """Return which readers are to `start` and to `reload`, by unit, and to `stop`, by user.

    `units` are the states of the units, `written` the files that have changed, `found` the configurations that are on
    the server.
    """
    states = {one["unit"]: units.get(one["unit"], {}) for one in of_users}
    down = [
        unit
        for unit, state in states.items()
        if state.get("active_state") not in ("active", "reloading", "refreshing")
        or state.get("unit_file_state") != "enabled"
    ]
    changed = [
        one["unit"] for one in of_users if {one["configuration"], _UNIT} & set(written) and one["unit"] not in down
    ]
    gone = sorted(set(found) - {one["configuration"] for one in of_users})
    users = [path.removeprefix("/etc/nginx/webstack-files-").removesuffix(".conf") for path in gone]
    return {"start": down, "reload": changed, "stop": users}


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return them by name."""
        return {
            function.__name__: function
            for function in (nginx_directives, nginx_readers, nginx_reader_files, nginx_reader_steps)
        }

"""Filters of the mysql role about the server it finds: whose it is, what waits for a restart, what it said last."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils.disk_space import shown
from ansible_collections.foobar.webstack.plugins.plugin_utils.systems import without_packages

# What a server without data takes, with room for the first tables.
FIRST_DATA = 300 * 2**20

State = Mapping[str, Any]

# What only MariaDB leaves in its data directory.
_MARIADB_FILES = {"aria_log_control", "mariadb_upgrade_info"}
_RIVALS = {"mariadb": "MariaDB", "percona": "Percona Server"}


def _servers(state: State, names: Iterable[str]) -> list[str]:
    """Return those of some packages that are there, be it half, with their versions."""
    packages = state["packages"]
    found = [name for name in names if packages[name]["status"] != "missing"]
    return [f"{name} {packages[name]['version']}".strip() for name in found]


def _entries(state: State, folder: str) -> set[str]:
    """Return the names in a folder, of which every file system may have one by itself."""
    return {PurePosixPath(path).name for path in state["paths"].get(f"{folder}/*", [])} - {"lost+found"}


def _is_applied(state: State, record: str) -> bool:
    """Tell whether the role's own record is there."""
    return bool(state["paths"][record])


def mysql_is_unknown(state: State, record: str, folders: Sequence[str], names: Sequence[str]) -> bool:
    """Tell whether there is a server, or data, and no record of the role's."""
    has_data = any(_entries(state, folder) for folder in folders)
    return not _is_applied(state, record) and (has_data or bool(_servers(state, names)))


def mysql_datadir_found(lines: Sequence[str]) -> str:
    """Return the data directory that the configuration of a server names, of several the last, or the default."""
    named = [line.partition("=")[2].rstrip("/") for line in lines if line.startswith("--datadir=")]
    return named[-1] if named else "/var/lib/mysql"


def mysql_is_own(state: State, record: str, drop_in: str, lines: Sequence[str]) -> bool:
    """Tell whether a server is the role's.

    It is by its record. Version 0.1.0 wrote that last: a first run of it that broke off has left the drop-in of the
    unit, and all data is newer than that. `lines` has each path of the data that is not, after `older: `.
    """
    if _is_applied(state, record):
        return True
    return bool(state["paths"][drop_in]) and not any(line.startswith("older: ") for line in lines)


def mysql_refusal(
    state: State, host: str, folders: Sequence[str], names: Mapping[str, Sequence[str]], lines: Sequence[str] | None,
    is_own: bool, take_over: bool,
) -> str:  # fmt: skip
    """Return why the role leaves a server, or data, alone, or an empty text.

    `folders` are the wanted and the default data directory, `names` the packages that are asked for by `rival` and
    `own`, and `lines` what the server's configuration and data have said, where they were asked.
    """
    elsewhere = f"run the role on another server, or save the data and purge what is there on {host} first"
    datadir = mysql_datadir_found(lines or [])
    if rivals := _servers(state, names["rival"]):
        product = next(label for name, label in _RIVALS.items() if rivals[0].startswith(name))
        return (
            f"{host} has {rivals[0]} with its data in {datadir}. This role runs MySQL, and would end {product}: "
            f"{elsewhere}."
        )
    unit = state["units"]["mysql"]
    fragment = PurePosixPath(unit["fragment_path"])
    if unit["load_state"] == "loaded" and fragment.name != "mysql.service":
        return f"mysql.service on {host} is another name of {fragment.name} ({fragment}): {elsewhere}."
    for folder in folders:
        if files := sorted(_entries(state, folder) & _MARIADB_FILES):
            return (
                f"{host} has data of MariaDB in {folder} ({files[0]}), which MySQL cannot read and its package would "
                f"move away: save them, remove {folder}, and repeat."
            )
    if is_own:
        return ""
    servers = _servers(state, names["own"])
    if not servers and unit["load_state"] == "loaded" and "generator" not in str(fragment):
        return f"mysql.service on {host} ({fragment}) is of no package of MySQL: {elsewhere}."
    with_data = [folder for folder in folders if _entries(state, folder)]
    if take_over or not (servers or with_data):
        return ""
    what = f"{servers[0]} with its data in {datadir}" if servers else f"data of a MySQL server in {with_data[0]}"
    return (
        f"{host} has {what}, which this role has not set up: set mysql_take_over: true (and mysql_root_password, if "
        f"root has one) to have it configured, keeping its data and accounts; or {elsewhere}."
    )


def mysql_datadir_refusal(host: str, wanted: str, found: str) -> str:
    """Return why a server's data directory can't be the wanted one, or an empty text."""
    if wanted == found:
        return ""
    return (
        f"mysql_datadir is {wanted}, but the data of {host} is in {found}: the role moves none; move it as the role's "
        f"README says, or set mysql_datadir: {found}."
    )


def mysql_repository_refusal(release: State, host: str, repository: State) -> str:
    """Return why a server can't get MySQL from a repository, by what that has told, or an empty text."""
    named = f"mysql_repository ({repository['uris']}, suite {repository['suites']})"
    refusal = without_packages(host, release, named)
    return refusal and (
        f"{refusal}: name a repository that has MySQL for {release['architecture']}, see the role's README."
    )


def mysql_disk_refusal(free: int, host: str, datadir: str, limit: int) -> str:
    """Return why a new server's data have no room, or an empty text; sizes in bytes."""
    wanted = FIRST_DATA + limit
    if free >= wanted:
        return ""
    return (
        f"{host} has {shown(free)} free for {datadir}, {shown(wanted - free)} too little: MySQL begins with "
        f"{shown(FIRST_DATA)}, and its binary logs take up to {shown(limit)}. Make room, or lower "
        "mysql_binlog_space_limit."
    )


def mysql_login_refusal(state: State, host: str, socket: str, lines: Sequence[str]) -> str:
    """Return why the role can't log in to a server that is to be taken over, or an empty text.

    `lines` are the options that its configuration names.
    """
    active = state["units"]["mysql"]["active_state"]
    if active != "active":
        return (
            f"MySQL on {host}, which is to be taken over, does not run (mysql.service is {active}): start it first, "
            "with systemctl start mysql."
        )
    named = [line.partition("=")[2] for line in lines if line.startswith("--socket=")]
    if named and re.sub("^/var/run/", "/run/", named[-1]) != socket:
        return (
            f"MySQL on {host}, which is to be taken over, has its socket at {named[-1]}: set socket = {socket} in its "
            "configuration, restart it, and repeat."
        )
    return ""


def mysql_version_refusal(state: State, host: str) -> str:
    """Return why the role leaves a server alone that has answered, or an empty text."""
    if state.get("is_mysql", True):
        return ""
    return (
        f"The server on {host} is {state['comment']} {state['version']}, and this role runs MySQL only: run the role "
        "on another server."
    )


def mysql_pending(names: Sequence[str], host: str, config: str) -> str:
    """Return what is said of options, and of drop-ins by their paths, that wait for a restart; nothing if none do."""
    options = [name for name in names if not name.startswith("/")]
    what = [f"{', '.join(options)} in {config}"] if options else []
    what += [name for name in names if name.startswith("/")]
    if not what:
        return ""
    return (
        f"MySQL on {host} has not taken up {' and '.join(what)}, which takes a restart; add "
        "-e mysql_restart=true to the next run, or run systemctl restart mysql there."
    )


def mysql_errors(lines: Sequence[str]) -> list[str]:
    """Return a server's own words about what is wrong, once each, without what the sandbox keeps it from."""
    errors = [found[1] for line in lines if (found := re.search(r"\[ERROR\] \S+ \S+ (?!Aborting)(.+)", line))]
    return list(dict.fromkeys(error.strip().rstrip(".") for error in errors if "sched_setaffinity" not in error))


def mysql_last_words(journal: Sequence[str], log: Sequence[str]) -> str:
    """Return why a server does not start: its errors at the last start that had any, or what its unit said last."""
    noise = r"mysql\.service: |^-- |^(Starting|Stopping|Stopped|Failed|Started) |^\s*$"
    said = [line.strip().rstrip(".") for line in journal if not re.search(noise, line)]
    starts: list[list[str]] = [[]]
    for line in log:
        if "starting as process" in line:
            starts.append([])
        starts[-1].append(line)
    # Tried again and again, it may just be at the next start.
    errors = next((found for lines in reversed(starts) if (found := mysql_errors(lines))), [])
    return "; ".join(mysql_errors(journal) or errors or dict.fromkeys(said[-4:]))


def mysql_failure(errors: str, host: str, said: str, missing_packages: Sequence[str], message: str) -> str:
    """Return why the server does not run: by its check of the configuration, by its own last words, or by `message`.

    Where packages are missing, it is their installation that has failed, of which `message` tells.
    """
    if errors:
        return f"MySQL refuses its configuration: {errors}."
    if said and not missing_packages:
        return f"MySQL on {host} does not start: {said}; journalctl -u mysql has more."
    return " ".join(message.split())


class FilterModule:
    """Make the filters known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {
            function.__name__: function
            for function in (
                mysql_disk_refusal,
                mysql_repository_refusal,
                mysql_datadir_found,
                mysql_datadir_refusal,
                mysql_errors,
                mysql_failure,
                mysql_is_own,
                mysql_is_unknown,
                mysql_last_words,
                mysql_login_refusal,
                mysql_pending,
                mysql_refusal,
                mysql_version_refusal,
            )
        }

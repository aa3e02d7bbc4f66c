"""Filters that turn the entries of `sites` into the variables of the roles."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import re
from collections.abc import Callable
from posixpath import normpath
from typing import Any

from ansible_collections.foobar.webstack.plugins.filter.mysql import (
    mysql_dump_command,
    mysql_restore_command,
    mysql_size_command,
)
from ansible_collections.foobar.webstack.plugins.module_utils import names
from ansible_collections.foobar.webstack.plugins.module_utils.app_lists import wrong_names
from ansible_collections.foobar.webstack.plugins.plugin_utils import site_names, site_paths, site_services, site_tls
from ansible_collections.foobar.webstack.plugins.plugin_utils.site_tls import caa_issuer, served_at, with_tls

Entry = dict[str, Any]

SOURCES = (
    *("directory", "repo", "version", "key_file", "archive", "checksum"),
    *("subdirectory", "include", "local_build_commands", "files"),
)
# How an application's packages are installed.
PACKAGES = ("requirements", "constraints", "dependency_groups", "extras", "python_packages", "package_indexes")
# Keys of the roles' entries that several roles must agree on, or that have a place of their own in a site's entry.
FOLLOWS = {
    "gunicorn": {"background", "chdir", "environment", "name", "releases_path", "scheduled", "user", "wsgi_app"},
    "app_deploy": {
        *SOURCES,
        *PACKAGES,
        *("build_commands", "environment_file", "health_path", "hooks", "migrate_check_command", "migrate_command"),
        *("migrate_environment", "name", "packages", "path", "service", "shared_paths", "sockets_path", "static_paths"),
        *("build_environment", "shared_settings", "target", "user"),
    },
    "nginx": {"preview_names", "redirect_from", "server_name", "trusted_proxies"},
    "uwsgi": {"background", "chdir", "environment", "module", "name", "releases_path", "scheduled", "user"},
}
# Keys of a site's entry that are a release's, so that a deploy applies them.
RELEASED = {
    *SOURCES,
    *PACKAGES,
    *(
        "app",
        "app_deploy",
        "background",
        "build_commands",
        "build_environment",
        "environment",
        "environment_file",
        "gunicorn",
        "health_path",
    ),
    *("hooks", "migrate_check_command", "migrate_command", "migrate_environment", "scheduled", "server"),
    *("shared_paths", "smtp", "uwsgi", "wsgi_app"),
}
# Keys of an application's sandbox and limits, which both application servers have.
CONFINING = {
    *("after", "ip_address_allow", "memory_deny_write_execute", "memory_max", "network", "service_options"),
    *("socket_group", "tasks_max", "writable_paths"),
}
# Kinds of gunicorn's workers that run ASGI applications.
ASGI_WORKER = re.compile(r"asgi|uvicorn", re.IGNORECASE)
# What an application needs that leaves the tables to its migrations.
ROWS = "SELECT,INSERT,UPDATE,DELETE,EXECUTE,CREATE TEMPORARY TABLES,LOCK TABLES,SHOW VIEW"


def present(entry: Entry, *names: str) -> Entry:
    """Return the named keys of an entry, without those that it does not have."""
    return {name: entry[name] for name in names if name in entry}


def further(keys: Entry, **lists: list[str]) -> Entry:
    """Return a site's further keys for one role; what is in them of the given lists is added to those.

    What is no list there is left as it is, for the role to refuse.
    """
    own = {name: keys.get(name, []) for name in lists}
    return {**keys, **{name: lists[name] + value if isinstance(value, list) else value for name, value in own.items()}}


def sites_mistakes(sites: list[Entry]) -> list[str]:
    """Return one sentence for each mistake in names, paths and services, and each further key that is lost or amiss."""
    own = (
        *(site_names.name_mistakes, site_paths.path_mistakes, site_paths.entry_point_mistakes),
        site_services.relay_mistakes,
    )
    lost = wrong_names("sites", [str(site["app"]) for site in sites if "app" in site])
    lost += [mistake for site in sites for find in own for mistake in find(site)] + [
        f"sites: {key} of {role} of {site['domain']} follows from the entry: take it out, and use the entry's own keys."
        for site in sites
        for role, keys in FOLLOWS.items()
        for key in site.get(role, {})
        if key in keys
    ]
    lost += [
        f"sites: {key} of {other} of {site['domain']} counts for nothing, as its server is {server(site)}: write it "
        f"into {server(site)}, too, or take it out."
        for site in sites
        for other in ("gunicorn", "uwsgi")
        if other != server(site)
        for key in site.get(other, {})
        if key in CONFINING and key not in site.get(server(site), {})
    ]
    return lost + [
        f"sites: server of {site['domain']} is uwsgi, which can't run ASGI, and gunicorn.worker_class is "
        f"{site['gunicorn']['worker_class']}: take out one of them."
        for site in sites
        if server(site) == "uwsgi" and ASGI_WORKER.search(str(site.get("gunicorn", {}).get("worker_class", "")))
    ]


def server(site: Entry) -> str:
    """Return which application server runs a site's application."""
    return str(site.get("server", "gunicorn"))


def gunicorn_apps(sites: list[Entry], environment_files: list[dict[str, str]] | None = None) -> list[Entry]:
    """Return `gunicorn_apps`: one app per site that gunicorn runs, with one instance per release.

    `environment_files` are the variables of each site's `environment_file`, empty where it has none.
    """
    return _apps("gunicorn", "wsgi_app", sites, environment_files)


def uwsgi_apps(sites: list[Entry], environment_files: list[dict[str, str]] | None = None) -> list[Entry]:
    """Return `uwsgi_apps`: one app per site that uWSGI runs, as `gunicorn_apps` has the others."""
    return _apps("uwsgi", "module", sites, environment_files)


def _apps(
    role: str, entry_point: str, sites: list[Entry], environment_files: list[dict[str, str]] | None
) -> list[Entry]:
    """Return the apps of the sites that one of the application servers runs, in the words of its role."""
    return [
        {
            "name": site["app"],
            "releases_path": f"{names.path(site['app'])}/releases",
            entry_point: site["wsgi_app"],
            **present(site, "background", "scheduled"),
            **environment(site, told),
            **({"chdir": site_paths.subdirectory(site)} if "subdirectory" in site else {}),
            **further(
                site_services.opened(site, site.get(role, {})),
                after=["mysql.service", *site_services.units(site)],
                # With the minus one that is not there yet keeps no unit from starting.
                writable_paths=[
                    f"-{names.path(site['app'])}/shared/{normpath(str(path))}" for path in site.get("shared_paths", [])
                ],
            ),
        }
        for site, told in zip(sites, environment_files or [{}] * len(sites), strict=True)
        if server(site) == role
    ]


def environment_paths(sites: list[Entry]) -> list[str]:
    """Return the path of each site's `environment_file`, or an empty text."""
    return [site.get("environment_file", "") for site in sites]


def environment(site: Entry, told: dict[str, str]) -> Entry:
    """Return the key `environment` of a site's application, if it has one.

    The entry wins over what its file says, and that over where its services are.
    """
    found = {**site_services.variables(site), **told, **site.get("environment", {})}
    return {"environment": found} if found or "environment" in site else {}


def redis_instances(sites: list[Entry]) -> list[Entry]:
    """Return `redis_instances`: one for each site that asks for it, which its application alone may reach."""
    return [{"name": site["app"], **site["redis"]} for site in sites if "redis" in site]


def app_deploy_apps(
    sites: list[Entry], databases: list[str], gunicorn_version: str | None = None, uwsgi_version: str | None = None
) -> list[Entry]:
    """Return `app_deploy_apps`. What a release runs with is told by `app_deploy_settings`.

    The first of the databases' servers dumps a site's database before migrations.
    """
    programs = {
        "gunicorn": f"gunicorn=={gunicorn_version or names.GUNICORN_VERSION}",
        "uwsgi": f"pyuwsgi=={uwsgi_version or names.PYUWSGI_VERSION}",
    }
    return [
        {
            "name": site["app"],
            "service": names.service(site["app"], server(site)),
            "sockets_path": names.sockets(site["app"], server(site)),
            # As nginx passes a visitor's request on.
            "health_headers": {"Host": site["domain"], "X-Forwarded-Proto": site_tls.scheme(site)},
            "environment_file": names.environment(site["app"], server(site)),
            "shared_settings": names.shared_settings(site["app"]),
            "fallback_requirements": [programs[server(site)]],
            "static_paths": site_paths.built(site),
            **(dumps(site["database"]["name"], databases[0]) if "database" in site and databases else {}),
            **present(
                site,
                *SOURCES,
                *PACKAGES,
                "health_path",
                "build_commands",
                "build_environment",
                "migrate_command",
                "migrate_check_command",
                "migrate_environment",
                "packages",
                "shared_paths",
                "hooks",
            ),
            **({"subdirectory": site_paths.subdirectory(site)} if "subdirectory" in site else {}),
            **site.get("app_deploy", {}),
        }
        for site in sites
    ]


def app_deploy_passwords(sites: list[Entry]) -> dict[str, dict[str, str]]:
    """Return `app_deploy_passwords`: those of the databases, which releases that are kept must know to start."""
    return {site["app"]: {"database": str(site["database"]["password"])} for site in sites if "database" in site}


def app_deploy_applied(sites: list[Entry]) -> dict[str, dict[str, str]]:
    """Return `app_deploy_applied`: digests of those keys of the entries that other roles apply, without secrets."""
    applied = {}
    for site in sites:
        own = {key: value for key, value in site.items() if key not in RELEASED}
        for name, secret in (("database", "password"), ("tls", "private_key")):
            if name in site:
                own[name] = {key: value for key, value in site[name].items() if secret not in key}
        applied[site["app"]] = {
            key: hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]
            for key, value in own.items()
        }
    return applied


def dumps(database: str, host: str) -> Entry:
    """Return how a database is dumped and brought back, all of it: tables that came later go."""
    return {
        "dump_command": mysql_dump_command(database),
        "size_command": mysql_size_command(database),
        "restore_command": mysql_restore_command(database),
        "dump_host": host,
    }


def of_version(sites: list[Entry], version: str) -> list[Entry]:
    """Return sites with another version of their repositories, if one is named."""
    return [site | {"version": version} if version and "repo" in site else site for site in sites]


def nginx_upstreams(sites: list[Entry]) -> list[Entry]:
    """Return `nginx_upstreams`: the live release's socket, listed twice so that a GET is tried again."""
    return [
        {
            "name": site["app"],
            "servers": [{"address": f"unix:{names.path(site['app'])}/current/{names.SOCKET_LINK}", "max_fails": 0}] * 2,
        }
        for site in sites
    ]


def nginx_sites(sites: list[Entry], preview_names: list[str], tls_path: str = "/etc/ssl/sites") -> list[Entry]:
    """Return `nginx_sites`: the aliases redirect, nginx serves the static files, the application all else.

    Pages of the previous release find their static files there for one more release.
    The first site answers to the preview names, too, such as localhost, without a redirect. Certificates lie in the
    folder `tls_path`.
    """
    return [
        {
            "server_name": " ".join(site_names.served_names(site)),
            "redirect_from": site.get("aliases", []),
            **({"preview_names": preview_names} if preview_names and site is sites[0] else {}),
            **site_tls.nginx_keys(site, tls_path),
            "locations": site_paths.locations(site),
            **_by_hand(site),
        }
        for site in sites
    ]


def _by_hand(site: Entry) -> Entry:
    """Return the further keys of a site for the role nginx."""
    keys = site.get("nginx", {})
    places = keys.get("locations")
    return {**keys, "locations": site_paths.with_users(site, places)} if isinstance(places, list) else keys


def nginx_sites_kept(wanted: list[Entry], sites: list[Entry], failed: list[str], applied: str) -> list[Entry]:
    """Return `nginx_sites` in which those of apps whose release has failed are as they were applied last.

    `wanted` is what the filter nginx_sites makes of `sites`, `applied` the JSON that the role nginx leaves on a server,
    or an empty text.
    """
    before = json.loads(applied)["sites"] if applied else []
    return [
        (_same_site(new, site["app"], before, wanted) or new) if site["app"] in failed else new
        for new, site in zip(wanted, sites, strict=True)
    ]


def nginx_upstreams_kept(wanted: list[Entry], sites: list[Entry], failed: list[str], applied: str) -> list[Entry]:
    """Return `nginx_upstreams` with those that sites need that are kept as they were applied last.

    `sites` is `nginx_sites`; of an app whose release has failed there is an upstream only where one of them needs it.
    """
    if not failed:
        return wanted
    known = json.loads(applied)["upstreams"] if applied else []
    needed = {name for site in sites for name in _upstreams(site)}
    upstreams = [upstream for upstream in wanted if upstream["name"] not in failed or upstream["name"] in needed]
    # In the order of before, so that the same ones make the same file.
    return list({upstream["name"]: upstream for upstream in [*known, *upstreams]}.values())


def _same_site(site: Entry, app: str, before: list[Entry], wanted: list[Entry]) -> Entry | None:
    """Return what a site was before: the entry of the same name, else the app's, unless another site has its name."""
    names = {_name(other) for other in wanted}
    named = [other for other in before if _name(other) == _name(site)]
    renamed = [other for other in before if _upstreams(other) == {app} and _name(other) not in names]
    return next(iter(named + renamed), None)


def _name(site: Entry) -> str:
    """Return the first name of a site of `nginx_sites`."""
    return str(site["server_name"]).split()[0]


def _upstreams(site: Entry) -> set[str]:
    """Return the names of the apps that a site of `nginx_sites` passes to."""
    passes = [location.get("proxy_pass", "") for location in site.get("locations", [])]
    return {str(address).removeprefix("http://").partition("/")[0] for address in passes if address}


def mysql_databases(sites: list[Entry]) -> list[Entry]:
    """Return `mysql_databases`: one per site that asks for one."""
    return [{"name": site["database"]["name"]} for site in sites if "database" in site]


def mysql_users(sites: list[Entry]) -> list[Entry]:
    """Return `mysql_users`: each may use its own site's database and no other.

    Where a site has a user for migrations, the application's own may only read and write rows.
    """
    return [
        {"name": name, "password": password, "priv": f"{database['name']}.*:{privileges}"}
        for database in (site["database"] for site in sites if "database" in site)
        for name, password, privileges in (
            [
                (database["user"], database["password"], ROWS),
                (database["migration_user"], database["migration_password"], "ALL"),
            ]
            if "migration_user" in database
            else [(database["user"], database["password"], "ALL")]
        )
    ]


def tls_certificates(sites: list[Entry]) -> list[Entry]:
    """Return `tls_certificates`: one per site, for its domain and its aliases."""
    return [site_tls.certificate(site) for site in sites if site_tls.provider(site) != "none"]


def dns_records_zones(
    sites: list[Entry], provider: Entry, nameservers: list[str], web_addresses: list[str], caa_issuer: str = ""
) -> list[Entry]:
    """Return `dns_records_zones`: each site's addresses at its domain, and a CNAME to it for each alias.

    A site that names no addresses has those of the web servers. `caa_issuer` is the CA of those that want CAA records.
    """
    return [
        {
            "zone": zone,
            "provider": provider,
            "nameservers": nameservers,
            "records": [
                *records(site, zone, found, web_addresses),
                *(site.get("records", []) if zone == site_names.stated_zones(site)[0] else []),
                *site_tls.caa_records(site, [name for name in found if name in (site["domain"], zone)], caa_issuer),
            ],
        }
        for site in sites
        for zone, found in site_names.by_zone(site).items()
    ]


def records(site: Entry, zone: str, found: list[str], web_addresses: list[str]) -> list[Entry]:
    """Return the records of those names of a site that are in a zone; a site without addresses has the web servers'.

    A name that is the zone itself, where no CNAME may be, gets the addresses, as the domain does.
    """
    by_type: dict[str, list[str]] = {}
    for address in site.get("addresses", web_addresses):
        kind = "AAAA" if ipaddress.ip_address(address).version == 6 else "A"
        by_type.setdefault(kind, []).append(address)
    direct = [name for name in found if name in (site["domain"], zone)]
    return [
        *({"record": name, "type": kind, "value": value} for name in direct for kind, value in by_type.items()),
        *({"record": name, "type": "CNAME", "value": [f"{site['domain']}."]} for name in found if name not in direct),
    ]


class FilterModule:
    """The filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {
            function.__name__: function
            for function in (
                nginx_sites,
                nginx_sites_kept,
                nginx_upstreams,
                nginx_upstreams_kept,
                environment_paths,
                gunicorn_apps,
                uwsgi_apps,
                redis_instances,
                app_deploy_apps,
                app_deploy_applied,
                app_deploy_passwords,
                of_version,
                sites_mistakes,
                mysql_databases,
                mysql_users,
                dns_records_zones,
                tls_certificates,
                caa_issuer,
                served_at,
                with_tls,
            )
        }

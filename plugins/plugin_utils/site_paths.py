"""What an entry of `sites` says of paths: what nginx answers itself, what the application answers, and how."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from posixpath import normpath
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils import names
from ansible_collections.foobar.webstack.plugins.module_utils.app_lists import folder_fault

Entry = dict[str, Any]

# Keys that say of a path who answers it; `streaming_paths` says how.
OF_PATHS = ("static", "internal", "app_paths")
# Where a server's own folders are, which a release has not.
_OF_SERVERS = re.compile(r"/(etc|home|mnt|opt|root|srv|usr|var)/")
_PATH = re.compile(r"/[^\s;{}\"'\\]*")


def shared(site: Entry, folder: str) -> bool:
    """Tell whether a folder is one that outlives a release, or below one."""
    paths = [normpath(str(path)) for path in site.get("shared_paths", [])]
    return any(f"{folder}/".startswith(f"{path}/") for path in paths)


def subdirectory(site: Entry) -> str:
    """Return the folder of a site's source that the application is in, without a slash at the end and ./ before it."""
    return normpath(str(site.get("subdirectory", "")))


def built(site: Entry) -> list[str]:
    """Return the folders of a release that nginx serves."""
    return [folder for folder in _folders(site, "static").values() if not shared(site, folder)]


def locations(site: Entry) -> list[Entry]:
    """Return the `locations` of a site's entry of `nginx_sites`.

    Files that the application keeps are read as its user: nginx itself has no right to them. What a build makes may be
    an application in the browser, whose pages are its index.html.
    """
    home, streaming = names.path(site["app"]), [str(path) for path in site.get("streaming_paths", [])]
    static = _folders(site, "static")
    files = [
        {"path": path, "alias": f"{home}/shared/{folder}/", "user": site["app"]}
        if shared(site, folder)
        else {
            "path": path,
            "alias": f"{home}/current/{folder}/",
            "fallback": f"{home}/previous/{folder}/",
            "single_page": True,
        }
        for path, folder in static.items()
    ]
    private = [
        {"path": path, "alias": f"{home}/shared/{folder}/", "user": site["app"], "internal": True}
        for path, folder in _folders(site, "internal").items()
    ]
    own = [str(path) for path in site.get("app_paths", [])] if "/" in static else ["/"]
    passed = [
        {"path": path, "proxy_pass": f"http://{site['app']}", **({"streaming": True} if path in streaming else {})}
        for path in dict.fromkeys([*streaming, *own])
    ]
    return [*files, *private, *passed]


def with_users(site: Entry, places: list[Entry]) -> list[Entry]:
    """Return locations made by hand, those of folders that outlive a release to be read as the application's user."""
    home = re.compile(rf"{re.escape(names.path(site['app']))}/shared/[^$\s]*")
    return [
        {**place, "user": site["app"]}
        if home.fullmatch(str(place.get("alias", "")))
        and not {"user", "fallback"} & place.keys()
        and not str(place.get("path", "")).startswith("~")
        else place
        for place in places
    ]


def entry_point_mistakes(site: Entry) -> Iterator[str]:
    """Find an entry point as Django's WSGI_APPLICATION has it, which servers take for a module."""
    found = re.fullmatch(r"([\w.]*\b[aw]sgi)\.(application|app)", str(site.get("wsgi_app", "")))
    if found:
        yield f"sites: wsgi_app of {site['domain']} is {found[0]}, a module by its dots: write {found[1]}:{found[2]}."


def path_mistakes(site: Entry) -> Iterator[str]:
    """Find mistakes in what an entry says of paths."""
    where = f"of {site['domain']}"
    static, private = _folders(site, "static"), _folders(site, "internal")
    own, streaming = ([str(path) for path in site.get(key, [])] for key in ("app_paths", "streaming_paths"))
    for key, paths in {"static": static, "internal": private, "app_paths": own, "streaming_paths": streaming}.items():
        for path in paths:
            is_folder = key in ("static", "internal")
            if not _PATH.fullmatch(path) or (is_folder and not path.endswith("/")):
                ends = "begin and end" if is_folder else "begin"
                yield f"sites: {key} {where} has the path {path}, which must {ends} with a slash and have no spaces."
    for key, folders in {"static": static, "internal": private}.items():
        for path, folder in folders.items():
            if fault := folder_fault(folder, "the release"):
                yield f"sites: {key} {where} has {path}: {site[key][path]}, which {fault}"
    for path in map(str, site.get("shared_paths", [])):
        if fault := folder_fault(normpath(path), "the release"):
            yield f"sites: shared_paths {where} has {json.dumps(path)}, which {fault}"
    if fault := folder_fault(subdirectory(site), "the source") if "subdirectory" in site else "":
        yield f"sites: the subdirectory {json.dumps(str(site['subdirectory']))} {where} {fault}"
    times = Counter([*static, *private, *own])
    for path in [*(path for path, count in times.items() if count > 1), *({*static, *private} & {*streaming})]:
        yield f"sites: the path {path} {where} stands in two of {', '.join(OF_PATHS)} and streaming_paths."
    if "/" in private and "/" not in static:
        yield f"sites: internal {where} has /, which is the application's: give it a path of its own, as /private/."
    for path, folder in private.items():
        if not shared(site, folder):
            yield f"sites: internal {where} has {path}: {folder}, which is not in its shared_paths; add it there."
    if "/" in static and not own:
        yield (
            f"sites: static {where} has /, so nothing is left for the application: name what is its own in app_paths, "
            "such as [/api/, /admin/]."
        )
    if own and "/" not in static:
        yield f"sites: app_paths {where} needs / in static; without it all other paths are the application's anyway."
    replaced = [key for key in ("app_paths", "internal", "streaming_paths") if key in site]
    if replaced and "locations" in site.get("nginx", {}):
        yield f"sites: locations of nginx {where} would take the place of its {', '.join(replaced)}; leave one of them."


def _folders(site: Entry, key: str) -> dict[str, str]:
    """Return paths of a site and the folders that they stand for, by the root of the release."""
    return {str(path): _folder(folder) for path, folder in site.get(key, {}).items()}


def _folder(written: Any) -> str:
    """Return a folder without a slash at either end and ./ before it; what is none is an empty text.

    YAML makes a number of 2024.
    """
    if isinstance(written, bool) or not isinstance(written, int | str):
        return ""
    return str(written) if _OF_SERVERS.match(str(written)) else normpath(str(written).strip("/"))

"""What is wrong with the locations of `nginx_sites`, such that nginx would refuse it or give out something else."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean

# A site, or one of its locations.
Entry = Mapping[str, Any]

ACTIONS = ("proxy_pass", "root", "alias", "return")
# Directives of a location that are keys of its own.
_VALUES = (*ACTIONS, "fallback", "try_files")
_SITE_VALUES = ("client_max_body_size", "proxy_cache", "ssl_certificate", "ssl_certificate_key")
_PATH = re.compile(r"((=|\^~|~\*?) )?(?P<path>\S+|\"[^\"]+\"|'[^']+')")
_FOLDER = re.compile(r"(/[\w.@:+,~%-]+)+/?")
_USER = re.compile(r"[a-z_][a-z0-9_-]*")
# Directives that look for files, which the nginx that reads as a user does, and not the one that passes to it.
_OF_FILES = ("try_files", "root", "alias", "index", "random_index", "gzip_static", "disable_symlinks", "proxy_pass")
# What nginx reads as words, up to the semicolon that ends a directive.
_QUOTED = r""" "(\\.|[^"\\])*" | '(\\.|[^'\\])*' """
_BARE = r""" (\\. | \$\{ | [^\s;{}"'\\\#]) (\\. | \$\{ | [^\s;{\\])* """
_WORDS = re.compile(rf"\s* (({_QUOTED} | {_BARE}) (\s+ | $))+", re.VERBOSE | re.DOTALL)
# Names that the role's own locations have.
_TAKEN = {"= /.maintenance", "@unavailable", "@missing", "@acme_elsewhere", "@acme_nowhere"}


def is_on(entry: Entry, key: str) -> bool:
    """Tell whether a key of a site or a location is there and true, in whatever words."""
    return bool(boolean(entry.get(key, False), strict=False))


def location_mistakes(site: Entry, upstreams: set[str], proxy_headers: Mapping[str, str]) -> Iterator[str]:
    """Find mistakes in a site's locations; `upstreams` are those that it can pass to, `proxy_headers` the role's own.

    What nginx itself would find wrong is found here, too: it is asked only when the applications' releases are live.
    """
    name = site["server_name"]
    yield from (f"{name} {mistake}" for mistake in _directive_mistakes(site, _SITE_VALUES))
    for place, times in Counter(_place(location) for location in site["locations"]).items():
        if times > 1 and not place.startswith("~"):
            yield f"location {place} of {name} stands there more than once; nginx takes each path once."
        if place in _TAKEN or place.startswith("/.fallback/"):
            yield f"location {place} of {name} is the role's own; name it differently."
    for location in site["locations"]:
        found = [
            *_action_mistakes(location),
            *_alias_mistakes(location),
            *_user_mistakes(location),
            *_header_mistakes(location, proxy_headers),
            *_proxy_pass_mistakes(location, upstreams),
            *_directive_mistakes(location, _VALUES),
        ]
        yield from (f"location {location['path']} of {name} {mistake}" for mistake in found)


def _place(location: Entry) -> str:
    """Return what nginx tells a location by: its path, with a modifier unless that only says how it is looked for."""
    return str(location["path"]).strip().removeprefix("^~ ")


def _action_mistakes(location: Entry) -> Iterator[str]:
    """Find a path that is none, and a location that has nothing to do, or more than one thing."""
    found = _PATH.fullmatch(str(location["path"]))
    if not found or (found[2] in (None, "=", "^~") and not found["path"].strip("\"'").startswith(("/", "@"))):
        yield "has no path of nginx's: write /path, or one of =, ^~, ~ and ~* before it, with a space between."
    elif not _WORDS.fullmatch(found["path"]):
        yield 'has a path with a brace or a semicolon; put it in quotes, such as ~ "^/[0-9]{4}/".'
    if len(set(ACTIONS) & location.keys()) != 1:
        yield "needs one of proxy_pass, root, alias and return."
    if is_on(location, "streaming") and "proxy_pass" not in location:
        yield "can be streaming only with a proxy_pass."
    is_prefix = str(location["path"]).removeprefix("^~ ").startswith("/") and str(location["path"]).endswith("/")
    if is_on(location, "single_page") and ("alias" not in location or not is_prefix or "user" in location):
        yield "can be a single_page only with an alias, under a path that begins and ends with a slash."


def _directive_mistakes(block: Entry, keys: tuple[str, ...]) -> Iterator[str]:
    """Find what nginx would not read as the words of one directive, and keys that `options` have a second time."""
    options = block.get("options", {})
    for key, value in [*((key, block[key]) for key in keys if key in block), *options.items()]:
        for one in value if isinstance(value, list) else [value]:
            if str(one).strip() and not _WORDS.fullmatch(str(one)):
                yield f"has a quote, brace or semicolon in {key} that belongs to no word; put the whole word in quotes."
    for key in options:
        if not re.fullmatch(r"[a-z0-9_]+", str(key)):
            yield f"has {key} in its options, which is no directive."
        elif key in keys and key in block:
            yield f"has {key} in its options, too; take one of the two out."


def _alias_mistakes(location: Entry) -> Iterator[str]:
    """Find an alias that would give other files than the path says, and a fallback that could not stand in for it."""
    alias = str(location.get("alias", ""))
    if "alias" in location and _ends_unlike_path(location, alias):
        yield "and its alias must both end in a slash or neither."
    if "fallback" in location and (
        "alias" not in location
        or "user" in location
        or str(location["path"]).startswith("~")
        or alias.endswith("/") != str(location["fallback"]).endswith("/")
    ):
        yield (
            "can have a fallback only beside an alias that ends like it, under a path that is no regular expression, "
            "and without a user."
        )


def _user_mistakes(location: Entry) -> Iterator[str]:
    """Find files that nobody could read as a user."""
    if "user" not in location:
        return
    if not _USER.fullmatch(str(location["user"])) or location["user"] == "root":
        yield f"has the user {location['user']}, which is no name of a user other than root."
    if not _FOLDER.fullmatch(str(location.get("alias", ""))) or str(location["path"]).startswith("~"):
        yield (
            "can have a user only beside an alias without spaces, quotes and variables, and under a path that is no "
            "regular expression."
        )
    for key in (*(("try_files",) if "try_files" in location else ()), *location.get("options", {})):
        if key in _OF_FILES or str(key).startswith("autoindex"):
            yield f"has {key}, which does nothing beside a user: leave it out; what is not there is a 404 anyway."


def _header_mistakes(location: Entry, proxy_headers: Mapping[str, str]) -> Iterator[str]:
    """Find headers that would not replace the role's own, for which upper and lower case count."""
    spelt = {name.lower(): name for name in proxy_headers}
    for header in location.get("proxy_set_header", {}):
        own = spelt.get(str(header).lower(), header)
        if header != own:
            yield f"sets {header}, which would be sent beside the role's own; write {own}."


def _proxy_pass_mistakes(location: Entry, upstreams: set[str]) -> Iterator[str]:
    """Find a proxy_pass whose path would give other paths than the location's says, and one to nowhere."""
    if "proxy_pass" not in location:
        return
    passed = str(location["proxy_pass"])
    url = re.fullmatch(r"https?://([^/]+)(/.*)?", passed)
    server, path = url.groups() if url else ("", None)
    if path and not server.startswith("unix:") and "$" not in passed and _ends_unlike_path(location, path):
        yield "and the path of its proxy_pass must both end in a slash or neither."
    if not url or (not re.search(r"[.:$]", server) and server not in upstreams | {"localhost"}):
        yield f"passes to {passed}, which is no entry of nginx_upstreams and no address; write http://<name>."


def _ends_unlike_path(location: Entry, replacement: str) -> bool:
    """Tell whether one of a location's path and what nginx puts in its place ends in a slash, where it is a prefix."""
    path = str(location["path"])
    return not path.startswith(("~", "=")) and path.endswith("/") != replacement.endswith("/")

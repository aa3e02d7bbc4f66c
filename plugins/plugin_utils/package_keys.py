"""What is wrong with the keys that say which packages an application gets, as far as its source need not be read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.foobar.webstack.plugins.module_utils.app_lists import is_outside
from packaging.requirements import InvalidRequirement, Requirement

App = Mapping[str, Any]
# A package as apt takes it, which may have an architecture, and a version or a release; or all of a pattern.
DISTRIBUTED = re.compile(r"[a-z0-9][a-z0-9+.*?\[\]-]+(:[a-z0-9-]+)?([<>]?=[\w.+:~*-]+|/[\w.-]+)?")
# A netrc, by which uv and pip both log in, parts its words at spaces and reads these in ways of its own.
NO_LOGIN = re.compile(r"[\s\"'#\\]")


def package_mistakes(app: App) -> Iterator[str]:
    """Return one sentence for each mistake in an application's keys for packages, without what may be a secret."""
    name = app["name"]
    for key in ("requirements", "constraints"):
        for path in map(str, app.get(key, [])):
            if path.startswith("-") or is_outside(path):
                yield f"{json.dumps(path)} in {key} of {name} must be the path of a file, from the root of its source."
    for key in ("extras", "dependency_groups"):
        for word in map(str, app.get(key, [])):
            if not re.fullmatch(r"[A-Za-z0-9]([\w.-]*[A-Za-z0-9])?", word):
                yield f"{json.dumps(word)} in {key} of {name} must be a name, such as mysql."
    for item in map(str, app.get("packages", [])):
        if not DISTRIBUTED.fullmatch(item):
            yield f"{json.dumps(item)} in packages of {name} must be a name of the distribution's, such as gcc."
    for item in map(str, app.get("python_packages", [])):
        yield from _requirement_mistakes(name, item)
    yield from _index_mistakes(app)


def _requirement_mistakes(name: str, item: str) -> Iterator[str]:
    """Return what is wrong with one of python_packages."""
    if re.search(r"//[^/@]+:[^/@]+@|//[^/@]*@(?!.*//)", item) and not re.search(r"//git@", item):
        yield (
            f"python_packages of {name} holds a user or a password in an address, which every run would show; an index "
            "takes them in package_indexes."
        )
        return
    try:
        Requirement(item)
    except InvalidRequirement:
        yield (
            f"{json.dumps(item)} in python_packages of {name} is no requirement; write one such as mysqlclient==2.2.7."
        )


def _index_mistakes(app: App) -> Iterator[str]:
    """Return what is wrong with the indexes."""
    name, indexes = app["name"], app.get("package_indexes", [])
    by_host: dict[str, tuple[str, str]] = {}
    for number, index in enumerate(indexes, 1):
        url, login = str(index["url"]), (str(index.get("username", "")), str(index.get("password", "")))
        place = f"entry {number} of package_indexes of {name}"
        address = urlsplit(url)
        if address.scheme not in ("http", "https") or not address.hostname or re.search(r"\s", url):
            yield f"the url of {place} must be an address, such as https://packages.example.com/simple."
        elif "@" in address.netloc:
            yield f"the url of {place} holds a login, which every run would show; write username and password."
        elif bool(login[0]) != bool(login[1]):
            yield f"{place} needs both username and password, or neither; of a token the username is often __token__."
        elif any(NO_LOGIN.search(word) for word in login):
            yield f"username and password of {place} must have no space, quote, backslash or #."
        elif login[0] and by_host.setdefault(address.hostname, login) != login:
            yield f"{place} has another login than one before it at {address.hostname}, where all must share one."
    if sum(bool(index.get("default")) for index in indexes) > 1:
        yield f"package_indexes of {name} has default twice; one index alone stands in the place of PyPI."

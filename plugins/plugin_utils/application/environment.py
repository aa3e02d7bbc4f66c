"""The environment variables that an application reads, by the usual libraries or by functions of its own."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from posixpath import basename

from ansible_collections.foobar.webstack.plugins.plugin_utils.application.code import UNKNOWN, Code
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.ini import ini_keys
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.pydantic import TYPES, settings_fields
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.syntax import (
    FUNCTIONS,
    argument,
    constants,
    keyword,
    words,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.types import Variable

READERS = {"decouple.Config", "decouple.AutoConfig", "starlette.config.Config"}
ENVIRONMENTS = {"environ.Env", "environ.FileAwareEnv", "environs.Env", "environs.FileAwareEnv"}
# Methods of environ and environs that read a variable, and what it is taken for.
METHODS = {
    **{"str": "text", "unicode": "text", "path": "text", "url": "text", "search_url": "text", "email_url": "text"},
    **{"db": "text", "db_url": "text", "dj_db_url": "text", "cache": "text", "cache_url": "text", "enum": "text"},
    **{"int": "integer", "float": "integer", "timedelta": "integer", "bool": "boolean", "json": "json"},
    **{"list": "list", "tuple": "list", "dj_email_url": "text", "dj_cache_url": "text", "get_value": "text"},
}
DEFAULT_NAMES = {
    **{"db": "DATABASE_URL", "db_url": "DATABASE_URL", "cache": "CACHE_URL", "cache_url": "CACHE_URL"},
    **{"email_url": "EMAIL_URL", "search_url": "SEARCH_URL"},
}

# A secret is made up where any long random text will do: not one that somebody else hands out.
SECRET = re.compile(r"(^|_)(SECRET|SECRET_KEY|SIGNING_KEY|SALT|PASSWORD_SALT|(JWT|SESSION|COOKIE|CSRF)_KEY)$")
FOREIGN = re.compile(
    r"(^|_)(AWS|S3|AZURE|GCP|GOOGLE|GITHUB|GITLAB|FACEBOOK|TWITTER|LINKEDIN|DISCORD|SLACK|SPOTIFY|SOCIAL|OAUTH2?|OIDC|"
    r"CLIENT|CONSUMER|API|APP_ID|STRIPE|PAYPAL|RECAPTCHA|CAPTCHA|HCAPTCHA|TURNSTILE|MAIL\w*|EMAIL|TWILIO|SENDGRID|"
    r"CLOUDINARY|AUTH0|OKTA|KEYCLOAK|MINIO|WEBHOOK|SENTRY|REDDIT|ACCESS|BUCKET)(_|$)"
)
# Words before such an ending that name the application itself, or what it makes of the secret.
OWN = re.compile(
    r"ADMIN|APP|APPLICATION|AUTH|BACKEND|COOKIE|CSRF|DJANGO|ENCRYPTION|FASTAPI|FLASK|HASH|HASHIDS|JWT|MY|PASSWORD|"
    r"PROJECT|QUART|REFRESH|RESET|SECRET|SECURITY|SERVER|SESSION|SIMPLE|SITE|TOKEN|VERIFICATION|WEB|WTF"
)
DOMAIN = re.compile(r"(^|_)(ALLOWED_HOSTS?|SERVER_NAME|SITE_DOMAIN)$|^((APP|DJANGO|FLASK|BASE|MAIN)_)?DOMAIN(_NAME)?$")
ORIGIN = re.compile(r"(^|_)(TRUSTED_ORIGINS?|SITE_(URL|ROOT)|BASE_URL|PUBLIC_URL|EXTERNAL_URL|ROOT_URL|APP_URL)$")
FRONTEND = re.compile(r"(^|_)FRONTEND_(HOST|URL|BASE_URL|ORIGIN)$")
DATABASE_URL = re.compile(r"(^|_)(DATABASE|DB|MYSQL|MARIADB|SQLALCHEMY|SQLALCHEMY_DATABASE)_(URL|URI|DSN)$")
DATABASE_PART = re.compile(
    r"(^|_)(DATABASE_|DB_?|MYSQL_|MARIADB_|SQL_)(NAME|DATABASE|DB|USER|USERNAME|PASSWORD|PASSWD|PASS|PWD|HOST|HOSTNAME|SERVER|"
    r"ADDRESS|PORT|SOCKET|UNIX_SOCKET|ENGINE|BASE|SCHEMA)$"
)
# What stands before a name of a variable for development or tests alone.
ELSEWHERE = re.compile(r"^(TEST|TESTING|DEV|DEVELOPMENT|LOCAL|CI|PYTEST)_|_(TEST|TESTING|DEV|DEVELOPMENT)(_|$)")
ELSEWHERE_CLASS = re.compile(r"(?i)^(test|dev|local)|(test|testing|development|local)(config|settings)?$")
# Of the many that end so, those that are the site's own; others lead to somebody's API, such as OPENAI_BASE_URL.
OWN_BASE_URL = re.compile(
    r"((APP|BACKEND|DJANGO|EXTERNAL|FASTAPI|FLASK|FRONTEND|MAIN|PUBLIC|SERVER|SITE|WEB|WEBSITE)_)?BASE_URL$"
)
# How variables are called that turn a part of an application on, and the defaults that leave it off. An entry may have
# those of the database and of Redis on.
SWITCH = re.compile(r"^(?!.*(DB|DATABASE|MARIADB|MYSQL|SQL|REDIS))((USE|ENABLE|WITH)_|\w+_ENABLED?$)")
OFF = ("", "0", "false", "no", "none", "off")
# What every process has, or what a platform or the shell sets.
GIVEN = {
    *("HOME", "PATH", "USER", "PWD", "PORT", "LANG", "TZ", "PYTHONPATH", "HOSTNAME", "DJANGO_SETTINGS_MODULE"),
    *("APPDATA", "LOCALAPPDATA", "SYSTEMROOT", "USERPROFILE"),
}


@dataclass(frozen=True)
class Reader:
    """A function of the application that reads the variable that it is told."""

    name_index: int
    name: str
    default_index: int
    default: str
    is_strict: bool


def variables(code: Code, files: Iterable[str]) -> list[Variable]:
    """Return the variables that some files read, each once, by name; those of development and tests are left out."""
    files = list(files)
    readers = _readers(code, files)
    first = {code.name(path).partition(".")[0] for path in files}
    own = {name.upper() for name in first if basename(code.path(name)) in ("", "__init__.py")}
    found: dict[str, Variable] = {}
    secrets: set[str] = set()
    for path in files:
        for variable, node in [*_reads(code, path, readers), *settings_fields(code, path), *ini_keys(code, path)]:
            name = variable.name
            # One that begins with `_` is handed from a process to its own children.
            is_name = re.fullmatch(r"[A-Za-z]\w{,99}", name) and name not in GIVEN
            if is_name and not ELSEWHERE.search(name) and not is_elsewhere(code, path, node):
                found[name] = _merged(found[name], variable) if name in found else variable
                # One of any name is the application's own where it becomes such a setting.
                if any(_is_secret(setting, own) for setting in (name, *_given_to(code, path, node))):
                    secrets.add(name)
    return [replace(found[name], kind=_kind(found[name], secrets)) for name in sorted(found)]


def _given_to(code: Code, path: str, node: ast.AST) -> Iterator[str]:
    """Return the settings that an expression gives a value: names, keys of a configuration, arguments, attributes."""
    for above in code.parents(path, node):
        if isinstance(above, ast.keyword):
            yield above.arg or ""
        if isinstance(above, ast.Assign | ast.AnnAssign):
            for target in above.targets if isinstance(above, ast.Assign) else [above.target]:
                yield from constants(target) if isinstance(target, ast.Subscript) else ()
                yield target.id if isinstance(target, ast.Name) else ""
                is_app = isinstance(target, ast.Attribute) and ast.unparse(target.value) in ("app", "application")
                yield target.attr.upper() if isinstance(target, ast.Attribute) and is_app else ""
        if isinstance(above, ast.stmt):
            return


def _is_secret(name: str, own: set[str]) -> bool:
    """Tell whether a name is of a secret of the application's own: before its ending stand words such as APP, if any.

    `own` are the names of its packages, in capitals.
    """
    before = SECRET.sub("", name)
    is_own = before in own or all(word in own or OWN.fullmatch(word) for word in before.split("_") if word)
    return is_own and bool(SECRET.search(name)) and not FOREIGN.search(name)


def _kind(variable: Variable, secrets: set[str]) -> str:
    """Return what a variable is for, as far as its name tells, or an empty string."""
    name = variable.name
    if DATABASE_URL.search(name) or DATABASE_PART.search(name):
        return "database"
    if name in secrets and not FOREIGN.search(name):
        return "secret"
    # Flask answers no other name than a SERVER_NAME, so one that it does without is better left out.
    if DOMAIN.search(name) and (variable.required or not name.endswith("SERVER_NAME")):
        return "domain"
    if FRONTEND.search(name) and re.match(r"https?://(localhost|127\.)", variable.default or ""):
        return "origin"
    # An address with a default that leads elsewhere is another site's.
    is_own = OWN_BASE_URL.match(name) or not name.endswith("BASE_URL")
    leads_elsewhere = re.match(r"https?://(?!localhost|127\.|0\.0|[\w.]*example)", variable.default or "")
    if ORIGIN.search(name) and is_own and not leads_elsewhere:
        return "origin"
    return "debug" if re.search(r"(^|_)DEBUG$", name) else ""


def reads(code: Code, path: str, node: ast.AST) -> Variable | None:
    """Return the variable that an expression reads, the first one, or None."""
    for part in ast.walk(node):
        if found := _read(code, path, part, _reader_of(code, path, part)):
            return found
        where, value = code.origin(path, part) if isinstance(part, ast.Name) else ("", None)
        if value is not None and (found := _read(code, where, value, _reader_of(code, where, value))):
            return found
    return None


def _reader_of(code: Code, path: str, node: ast.AST) -> dict[str, Reader]:
    """Return the function of the application's own that an expression calls to read a variable, by its full name."""
    if not isinstance(node, ast.Call):
        return {}
    where, definition = code.definition(path, node.func)
    reader = _reader(code, where, definition) if isinstance(definition, FUNCTIONS) else None
    return {code.qualified(path, node.func): reader} if reader else {}


def _merged(one: Variable, other: Variable) -> Variable:
    """Return what two places that read the same variable say together; the stricter one is the reason."""
    first, second = (other, one) if other.required and not one.required else (one, other)
    return replace(
        first,
        at_start=(one.required and one.at_start) or (other.required and other.at_start),
        default=first.default if first.default is not None else second.default,
        type=first.type if first.type != "text" else second.type,
    )


def is_elsewhere(code: Code, path: str, node: ast.AST) -> bool:
    """Tell whether a piece of code is for development or tests alone, by the class that it is in."""
    above = [part.name for part in code.parents(path, node) if isinstance(part, ast.ClassDef)]
    return any(ELSEWHERE_CLASS.search(part) for part in above)


def _reads(code: Code, path: str, readers: Mapping[str, Reader]) -> Iterator[tuple[Variable, ast.AST]]:
    """Return the variables that a file reads, and where."""
    for node in code.nodes(path):
        if found := _read(code, path, node, readers):
            yield found, node


def _read(code: Code, path: str, node: ast.AST, readers: Mapping[str, Reader]) -> Variable | None:
    """Return the variable that an expression itself reads, or None."""
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        # os.environ["NAME"]; those of environ and environs are used like a function.
        is_environment = code.qualified(path, node.value) == "os.environ"
        return _variable(code, path, node, node.slice, None, True) if is_environment else None
    if not isinstance(node, ast.Call):
        return None
    name = code.qualified(path, node.func)
    if name in ("os.environ.get", "os.getenv", "os.environ.pop"):
        return _variable(code, path, node, argument(node, 0, "key"), argument(node, 1, "default"), False)
    if name == "dj_database_url.config":
        address = argument(node, 0, "env") or ast.Constant("DATABASE_URL")
        found = _variable(code, path, node, address, argument(node, 1, "default"), True)
        return replace(found, at_start=False) if found else None  # without it there is no database, and no error
    maker = "decouple.AutoConfig" if name == "decouple.config" else code.maker(path, node.func)
    if maker in READERS:
        default = argument(node, 2 if maker.startswith("starlette") else 1, "default")
        return _variable(code, path, node, argument(node, 0), default, True)
    if name in readers:
        reader = readers[name]
        given = argument(node, reader.name_index, reader.name)
        default = argument(node, reader.default_index, reader.default) if reader.default else None
        return _variable(code, path, node, given, default, reader.is_strict)
    return _environ(code, path, node)


def _environ(code: Code, path: str, node: ast.Call) -> Variable | None:
    """Return the variable that a call of an Env of environ or environs reads, or None."""
    method = "str"
    env: ast.expr = node.func
    if isinstance(node.func, ast.Attribute):
        env, method = node.func.value, node.func.attr
    if method not in METHODS or code.maker(path, env) not in ENVIRONMENTS:
        return None
    where, made = code.origin(path, env)
    given = argument(node, 0, "var", "name")
    if given is None and method in DEFAULT_NAMES:
        given = ast.Constant(DEFAULT_NAMES[method])
    # environ's env(name, cast, default) has another order than its methods, and than all of environs.
    is_cast = env is node.func and not code.maker(path, env).startswith("environs")
    default = argument(node, 2 if is_cast else 1, "default")
    scheme = made.keywords if isinstance(made, ast.Call) else []
    kind_of = METHODS[method]
    for declared in scheme:
        # environ.Env(DEBUG=(bool, False)) has type and default.
        is_this = isinstance(given, ast.Constant) and declared.arg == given.value
        if is_this and isinstance(declared.value, ast.Tuple) and len(declared.value.elts) == 2:
            kind_of = TYPES.get(code.qualified(where, declared.value.elts[0]), kind_of)
            default = default or declared.value.elts[1]
    found = _variable(code, path, node, given, default, True)
    return replace(found, type=kind_of if kind_of != "text" else found.type) if found else None


def _variable(
    code: Code, path: str, node: ast.expr, given: ast.expr | None, default: ast.expr | None, is_strict: bool
) -> Variable | None:
    """Return a variable by the expressions of its name and default; it is required where a strict read has none."""
    name = code.value(path, given)
    if not isinstance(name, str):
        return None
    above = list(code.parents(path, node))
    return Variable(
        name=name,
        reason=code.at(path, node),
        type=_type(code, path, node, above),
        required=is_strict
        and default is None
        and not _is_guarded(node, above, {name, *words(given or node)})
        and not _is_switched_off(code, path, node, above),
        at_start=not any(isinstance(part, (*FUNCTIONS, ast.Lambda)) for part in above),
        default=_text(code.value(path, default if default is not None else _alternative(node, above))),
    )


def _alternative(node: ast.expr, above: list[ast.AST]) -> ast.expr | None:
    """Return what an application takes by `or` where a variable is not set."""
    whole = above[0] if above else None
    is_or = isinstance(whole, ast.BoolOp) and isinstance(whole.op, ast.Or)
    return whole.values[-1] if isinstance(whole, ast.BoolOp) and is_or and whole.values[-1] is not node else None


def _text(value: object) -> str | None:
    """Return a default as text, or None where it is none or can't be told."""
    return None if value is None or value is UNKNOWN else str(value)


def _type(code: Code, path: str, node: ast.expr, above: list[ast.AST]) -> str:
    """Return what the text of a variable is made into, by a cast or by what is done with it."""
    cast = keyword(node, "cast") if isinstance(node, ast.Call) else None
    if cast is not None:
        named = cast.func if isinstance(cast, ast.Call) else cast
        return TYPES.get(code.qualified(path, named).rpartition(".")[2], "text")
    parent = above[0] if above else None
    if isinstance(parent, ast.FormattedValue) and any(text.endswith("://") for text in constants(above[1])):
        return "part"
    if isinstance(parent, ast.Attribute) and parent.attr == "split":
        return "list"
    if isinstance(parent, ast.Call) and node in parent.args:
        name = code.qualified(path, parent.func)
        return "json" if name == "json.loads" else "integer" if name in ("int", "float") else "text"
    return "text"


def _is_guarded(node: ast.expr, above: list[ast.AST], names: set[str]) -> bool:
    """Tell whether the application does without the variable: a condition asks for it, or the error is caught."""
    inner: ast.AST = node
    for part in above:
        if isinstance(part, ast.If | ast.IfExp) and inner is not part.test:
            asked = {*constants(part.test), *words(part.test)} - {"os", "environ"}
            if names & asked:
                return True
        if isinstance(part, ast.Try) and inner in part.body:
            caught = {word for handler in part.handlers for word in words(handler.type or ast.Name("Exception"))}
            raises = any(isinstance(stop, ast.Raise) for handler in part.handlers for stop in ast.walk(handler))
            if not raises and caught & {"KeyError", "Exception", "LookupError", "UndefinedValueError"}:
                return True
        inner = part
    return False


def _is_switched_off(code: Code, path: str, node: ast.expr, above: list[ast.AST]) -> bool:
    """Tell whether an expression counts only where a variable such as USE_S3 is set, and an entry leaves it out."""
    inner: ast.AST = node
    for part in above:
        if isinstance(part, ast.If) and inner in part.body and _is_off(code, path, part.test):
            return True
        inner = part
    return False


def _is_off(code: Code, path: str, test: ast.expr) -> bool:
    """Tell whether a condition is a switch that is off by its default."""
    where, given = code.origin(path, test) if isinstance(test, ast.Name) else (path, test)
    parts = list(ast.walk(given)) if given else []
    switches = [
        part
        for part in parts
        if isinstance(part, ast.Call) and part.args and isinstance(part.args[0], ast.Constant)
        if SWITCH.search(str(part.args[0].value))
    ]
    is_plain = not any(isinstance(part, ast.Not | ast.NotEq | ast.NotIn | ast.Or) for part in parts)
    defaults = [code.value(where, switch) for switch in switches]
    return is_plain and bool(switches) and all(value is UNKNOWN or str(value).lower() in OFF for value in defaults)


def _readers(code: Code, files: Iterable[str]) -> dict[str, Reader]:
    """Return the application's own functions that read a variable whose name they are given, by their full names."""
    found = {}
    for path in files:
        for name, definition in code.definitions(path).items():
            if isinstance(definition, FUNCTIONS) and (reader := _reader(code, path, definition)):
                found[f"{code.name(path)}.{name}"] = reader
    return found


def _reader(code: Code, path: str, definition: ast.FunctionDef | ast.AsyncFunctionDef) -> Reader | None:
    """Return how a function reads a variable whose name it is given, or None where it does not."""
    parameters = [parameter.arg for parameter in (*definition.args.posonlyargs, *definition.args.args)]
    stops = any(isinstance(node, ast.Raise) for node in ast.walk(definition))
    for node in ast.walk(definition):
        given, default, is_strict = None, None, False
        if isinstance(node, ast.Subscript) and code.qualified(path, node.value) == "os.environ":
            given, is_strict = node.slice, True
        elif isinstance(node, ast.Call) and code.qualified(path, node.func) in ("os.environ.get", "os.getenv"):
            given, default = argument(node, 0), argument(node, 1)
        if isinstance(given, ast.Name) and given.id in parameters:
            names = {default.id} if isinstance(default, ast.Name) else {"default", "fallback"}
            with_default = next((name for name in parameters if name in names), "")
            has_own = default is not None and not with_default
            return Reader(
                name_index=parameters.index(given.id),
                name=given.id,
                default_index=parameters.index(with_default) if with_default else 0,
                default=with_default,
                is_strict=(is_strict or stops) and not has_own,
            )
    return None

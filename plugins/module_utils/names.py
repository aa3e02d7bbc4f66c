"""What an application's users, folders and units are called: the one place for roles, filters, modules and tests.

In a path or a unit's name `%i` stands for the release, as it does within the unit.
"""

from __future__ import annotations

INSTANCE = "%i"
UNITS = "/etc/systemd/system"
STATES = "/var/lib/webstack"
# What may run an application, in the words of its entry; the folders below /etc with its settings have these names.
SERVERS = ("gunicorn", "uwsgi")
# What is installed for an application whose packages bring none: the defaults of the roles, too.
GUNICORN_VERSION = "27.0.1"
PYUWSGI_VERSION = "2.0.30"
# In a release, the link to its socket. It has the name that web servers know that were set up before uWSGI could run
# releases, as a release goes live by one rename and nothing else.
SOCKET_LINK = "gunicorn.sock"
# Where MySQL's package puts its socket.
DATABASE_SOCKET = "/run/mysqld/mysqld.sock"


def path(app: str) -> str:
    """Return the folder that holds an application's `releases`, `shared`, `current` and `previous`."""
    return f"/srv/{app}"


def service(app: str, server: str = "gunicorn") -> str:
    """Return the name before the `@` of the service and the socket that run a release."""
    return f"{server}-{app}"


def sockets(app: str, server: str = "gunicorn") -> str:
    """Return the folder of the sockets, one for each release that runs."""
    return f"/run/{service(app, server)}"


def settings(app: str, server: str = "gunicorn") -> str:
    """Return the folder with the settings and the environment of one release."""
    return f"/etc/{server}/{app}/{INSTANCE}"


def environment(app: str, server: str = "gunicorn") -> str:
    """Return the file with the environment of one release."""
    return f"{settings(app, server)}/env"


def state(app: str) -> str:
    """Return the folder that outlives releases, in which an application and what runs beside it keep what they like.

    Other software's folders of the same name are beside it, not in it.
    """
    return f"{STATES}/{app}"


def unit(name: str, kind: str) -> str:
    """Return the file of a release's unit; one of the full name takes precedence over a template."""
    return f"{UNITS}/{name}@{INSTANCE}.{kind}"


def shared_settings(app: str) -> list[str]:
    """Return glob patterns of the files that all releases of an application shared up to version 0.1.0."""
    return [
        *(f"/etc/gunicorn/{app}.{kind}" for kind in ("conf.py", "env")),
        *(f"{UNITS}/{service(app)}@.{kind}" for kind in ("service", "socket")),
        *(f"{UNITS}/{app}-*@.{kind}" for kind in ("service", "timer")),
        f"{UNITS}/{app}@.target",
    ]


def rotation(app: str) -> str:
    """Return the file by which logrotate knows of an application's logs."""
    return f"/etc/logrotate.d/webstack-{app}"


def builder(app: str) -> str:
    """Return the user that runs an application's build commands, and never the application."""
    return f"{app}-build"


def installer(app: str) -> str:
    """Return the user that installs an application's dependencies, and owns their cache."""
    return f"{app}-deps"


def dumps(app: str) -> str:
    """Return the folder of a database's dumps."""
    return f"/var/backups/{app}"


def logs(app: str) -> str:
    """Return the folder with the output of the builds and migrations of an application."""
    return f"/var/log/app_deploy/{app}"


def redis(name: str) -> str:
    """Return the folder with the socket of an application's Redis."""
    return f"/run/redis-{name}"

"""What the tests of releases ask a machine."""

import json


def path(app):
    """Return the folder of an app's releases."""
    return f"/srv/{app}"


def ask(host, app, page="/"):
    """Return the live release's answer, over the link that a web server would use."""
    socket = f"{path(app)}/current/gunicorn.sock"
    result = host.run(f"curl -sS --fail --max-time 60 --unix-socket {socket} http://shop.example.com{page}")
    assert result.rc == 0, result.stderr + host.run(f"journalctl -u '{app}@*' -n 30 -o cat").stdout
    return json.loads(result.stdout)


def live(host, app="directory"):
    """Return the id of the live release."""
    return host.check_output(f"basename $(readlink {path(app)}/current)")


def releases(host, app="directory"):
    """Return the ids of the releases on disk."""
    return set(host.check_output(f"ls {path(app)}/releases").split())


def running(host, app="directory"):
    """Return the ids of the releases whose service runs."""
    units = host.check_output(f"systemctl list-units --plain --no-legend --state=active '{app}@*.service'")
    return {line.split()[0].partition("@")[2].removesuffix(".service") for line in units.splitlines()}

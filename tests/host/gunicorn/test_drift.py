"""What somebody changes by hand of what the role sets, and the next run of it."""

import pytest

from tests.playbook import play, said

MACHINE = "webstack-gunicorn-trixie"
testinfra_hosts = [f"ansible://{MACHINE}"]
UNIT = "/etc/systemd/system/gunicorn-plain"
FILES = f"/etc/gunicorn/plain.conf.py /etc/gunicorn/plain.env /etc/sysusers.d/gunicorn-apps.conf {UNIT}.*"


def state(host):
    """Return all that the role sets: files with their attributes, users, and what systemd makes of the units."""
    units = "gunicorn-plain.service gunicorn-plain.socket"
    return host.run(
        f"stat -c '%n %F %U:%G %a' {FILES}; sha256sum {FILES}; getent passwd plain released | cut -d: -f1,6,7;"
        f"systemctl is-enabled {units}; systemctl is-active {units}"
    ).stdout


@pytest.mark.parametrize(
    "drift",
    [
        "echo '# by hand' >> /etc/gunicorn/plain.conf.py",
        "chmod 0666 /etc/gunicorn/plain.env",
        "chown nobody: /etc/gunicorn/plain.env",
        f"rm {UNIT}.service",
        "systemctl disable gunicorn-plain.service",
        "systemctl stop gunicorn-plain.service gunicorn-plain.socket",
        "userdel released",
    ],
)
def test_what_was_changed_by_hand_is_put_right(host, drift):
    before = state(host)
    host.check_output(drift)
    assert state(host) != before
    finished = play("molecule/gunicorn/converge.yml", f"--limit={MACHINE}")
    assert (finished.returncode, "changed=0 " in finished.stdout) == (0, False), said(finished)
    assert state(host) == before


def test_what_is_right_again_is_changed_no_more(host):
    assert "changed=0 " in play("molecule/gunicorn/converge.yml", f"--limit={MACHINE}").stdout

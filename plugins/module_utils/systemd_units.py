"""What systemd says of units."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

# As AnsibleModule.run_command: a command's status, output and errors.
Run = Callable[[list[str]], tuple[int, str, str]]

# systemd's properties by our names; the last two are made one.
PROPERTIES = {
    "load_state": "LoadState",
    "active_state": "ActiveState",
    "sub_state": "SubState",
    "unit_file_state": "UnitFileState",
    "need_daemon_reload": "NeedDaemonReload",
    "result": "Result",
    "reload_result": "ReloadResult",
    "main_pid": "MainPID",
    "fragment_path": "FragmentPath",
}
TIMES = ("ActiveEnterTimestamp", "ExecMainStartTimestamp")
UP = ("active", "reloading", "activating", "refreshing")


class SystemdError(Exception):
    """systemd does not answer; the text says why."""


def unit_states(names: list[str], run: Run) -> dict[str, dict[str, Any]]:
    """Return the state of units by their names, asked for in one call; a unit that is not there is `not-found`."""
    if not names:
        return {}
    properties = ",".join([*PROPERTIES.values(), *TIMES])
    # Microseconds: a file may change in the second in which a service starts.
    code, output, error = run(["systemctl", "show", f"--property={properties}", "--timestamp=us+utc", "--", *names])
    blocks = output.strip("\n").split("\n\n") if output.strip() else []
    if code != 0 or len(blocks) != len(names):
        last = (error.strip() or output.strip() or "it printed nothing").splitlines()[-1]
        raise SystemdError(f"systemctl show {' '.join(names)} failed: {last}")
    return {name: unit_state(block) for name, block in zip(names, blocks, strict=True)}


def unit_state(block: str) -> dict[str, Any]:
    """Return one unit's state from the lines that systemctl show prints for it."""
    shown = dict(line.partition("=")[::2] for line in block.splitlines())
    state: dict[str, Any] = {name: shown.get(property_, "") for name, property_ in PROPERTIES.items()}
    state["need_daemon_reload"] = state["need_daemon_reload"] == "yes"
    state["main_pid"] = int(state["main_pid"] or 0)
    # The main process has read its files after it was started, not after it was ready.
    time = shown.get("ExecMainStartTimestamp") if state["main_pid"] else ""
    is_up = state["active_state"] in UP
    state["started"] = timestamp(time or shown.get("ActiveEnterTimestamp", "")) if is_up else 0
    return state


def timestamp(text: str) -> float:
    """Return the seconds since the epoch of a time as systemd prints it (us+utc), 0 for none."""
    parts = text.split()
    if len(parts) != 4:  # it is empty, or n/a
        return 0
    return datetime.fromisoformat(f"{parts[1]} {parts[2]}+00:00").timestamp()

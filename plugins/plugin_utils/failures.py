"""What a failed release is said to have failed of: one sentence each, and a block for each app at the end."""

from __future__ import annotations

from typing import Any

Result = dict[str, Any]


def sentence(app: str, failed: Result) -> str:
    """Return why a task failed, with the last words of its command, beginning with the app's name.

    `failed` is the task's result: of a loop it is the first item that failed.
    """
    for item in failed.get("results", []):
        if item.get("failed"):
            failed = item
            break
    message = _on_one_line(failed.get("msg") or "it failed without a reason")
    if message.startswith("non-zero return code") and "cmd" in failed:
        command = failed["cmd"] if isinstance(failed["cmd"], str) else " ".join(map(str, failed["cmd"]))
        message = f"`{_on_one_line(command)[:200]}` ended with {failed.get('rc', '?')}"
    errors = [_on_one_line(line) for line in str(failed.get("stderr", "")).splitlines() if line.strip()]
    if errors and errors[-1] not in message:
        message = f"{message.rstrip('.')}: {errors[-1]}"
    if not message.endswith((".", "!", "?")):
        message += "."
    return message if message.startswith(f"{app}:") else f"{app}: {message}"


def _on_one_line(text: Any) -> str:
    """Return a text without line breaks, also without those that a tool has written as text."""
    return " ".join(str(text).replace("\\n", "\n").split())


def database(app: str, dump: str, host: str) -> str:
    """Return what state a database is in after a migration or a restoration that failed."""
    # Another app's dump is no help.
    saved = f"How it was before is in {dump} on {host}." if f"/{app}/" in dump else "No dump was taken."
    return f"The database is as that left it, as MySQL takes back no change of tables. {saved}"


def report(host: str, apps: Result, failed: list[str], failures: Result) -> list[str]:
    """Return a block of lines for each app that failed: why, which release serves on, where all of its output is."""
    lines = []
    for name in failed:
        app, failure = apps.get(name, {}), failures.get(name, {})
        lines.append(failure.get("reason") or app.get("error") or f"{name}: another host failed.")
        if app:
            live = app["live"]
            lines.append(f"    {host}: " + (f"release {live} serves on." if live else "no release was live before."))
        if failure.get("log"):
            lines.append(f"    {host}: all that it said is in {failure['log']}.")
    return lines


def lost(hosts: dict[str, Result]) -> list[str]:
    """Return a line for each app of each host that was lost: what is live there, as far as that is known.

    `hosts` has of each host that was lost its plan's `apps` and what it `switched` to last, both may be empty.
    """
    lines = []
    for host, known in hosts.items():
        apps = known.get("apps") or {}
        lines += [f"{host} was lost, before it was known what is live there."] * (not apps)
        for name, app in apps.items():
            switched = (known.get("switched") or {}).get(name)
            live = switched or app["live"] or "nothing"
            unsure = "" if switched or app["release"] == app["live"] else f" (or {app['release']}, if it came to that)"
            lines.append(f"{host} was lost: of {name}, {live} is live there{unsure}.")
    return lines

"""What an application may change of its units' sandbox: the networks it reaches, and settings in systemd's words."""

from __future__ import annotations

import difflib
import ipaddress
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

App = dict[str, Any]

# systemd's settings that an app has a key for; there is one way to set each of them.
KEYS = {
    "IPAddressAllow": "ip_address_allow",
    "IPAddressDeny": "ip_address_allow",
    "MemoryDenyWriteExecute": "memory_deny_write_execute",
    "MemoryMax": "memory_max",
    "PrivateNetwork": "network",
    "ReadWritePaths": "writable_paths",
    "RestrictAddressFamilies": "network",
    "TasksMax": "tasks_max",
}
# Of systemd.exec(5) and systemd.resource-control(5) what limits or frees a process. All else is how a release is run.
SETTINGS = {
    *(
        "AllowedCPUs",
        "AmbientCapabilities",
        "BindPaths",
        "BindReadOnlyPaths",
        "CacheDirectory",
        "CapabilityBoundingSet",
    ),
    *("CPUAffinity", "CPUQuota", "CPUSchedulingPolicy", "CPUSchedulingPriority", "CPUWeight", "DeviceAllow"),
    *("DevicePolicy", "ExecPaths", "InaccessiblePaths", "IOReadBandwidthMax", "IOReadIOPSMax", "IOSchedulingClass"),
    *("IOSchedulingPriority", "IOWeight", "IOWriteBandwidthMax", "IOWriteIOPSMax", "KeyringMode", "LimitAS"),
    *("LimitCORE", "LimitCPU", "LimitDATA", "LimitFSIZE", "LimitMEMLOCK", "LimitMSGQUEUE", "LimitNICE"),
    *("LimitNOFILE", "LimitNPROC", "LimitRTPRIO", "LimitRTTIME", "LimitSIGPENDING", "LimitSTACK", "LoadCredential"),
    *("LoadCredentialEncrypted", "LockPersonality", "LogRateLimitBurst", "LogRateLimitIntervalSec", "LogsDirectory"),
    *("MemoryHigh", "MemoryLow", "MemoryMin", "MemorySwapMax", "Nice", "NoExecPaths", "NoNewPrivileges"),
    *("OOMPolicy", "OOMScoreAdjust", "PrivateDevices", "PrivateIPC", "PrivateMounts", "PrivateUsers", "ProcSubset"),
    *("ProtectClock", "ProtectControlGroups", "ProtectHome", "ProtectHostname", "ProtectKernelLogs"),
    *("ProtectKernelModules", "ProtectKernelTunables", "ProtectProc", "ProtectSystem", "ReadOnlyPaths", "RemoveIPC"),
    *("RestrictFileSystems", "RestrictNamespaces", "RestrictRealtime", "RestrictSUIDSGID", "Slice"),
    *("SocketBindAllow", "SocketBindDeny", "SupplementaryGroups", "SystemCallArchitectures", "SystemCallErrorNumber"),
    *("SystemCallFilter", "SystemCallLog", "TemporaryFileSystem", "TimerSlackNSec", "UMask"),
}
# Words for networks that systemd knows; `any` is what the key `network` is for.
NETWORKS = {"localhost", "link-local", "multicast"}

# %i and the like are systemd's specifiers.
UNIT = re.compile(
    r"([\w@.:\\-]|%[%A-Za-z])+\.(automount|device|mount|path|scope|service|slice|socket|swap|target|timer)", re.ASCII
)
# With a minus before it, one that is not there keeps no unit from starting.
PATH = re.compile(r"[-+]{0,2}(/|%[A-Za-z])([^\s\"'\\%]|%[%A-Za-z])*")


def mistakes(variable: str, app: App) -> list[str]:
    """Return one sentence for each mistake in what an app changes of its sandbox."""
    found = [
        f"{variable}: service_options of {app['name']} has {name}, {fault}."
        for name, value in app.get("service_options", {}).items()
        if (fault := _fault(str(name), value))
    ]
    found += [
        f"{variable}: after of {app['name']} has {unit}, which is no unit; write its whole name, such as redis.service."
        for unit in map(str, app.get("after", []))
        if not UNIT.fullmatch(unit)
    ]
    found += [
        f"{variable}: {json.dumps(path)} in writable_paths of {app['name']} must be an absolute path without spaces, "
        "quotes and backslashes, such as /var/tmp; a percent sign is doubled."
        for path in map(str, app.get("writable_paths", []))
        if not PATH.fullmatch(path)
    ]
    networks = [str(network) for network in app.get("ip_address_allow", [])]
    if networks and str(app.get("network", False)).lower() in ("true", "yes", "on", "1"):
        found.append(
            f"{variable}: {app['name']} has network, which opens all networks, and ip_address_allow, which opens some; "
            "leave one of them out."
        )
    return found + [
        f"{variable}: ip_address_allow of {app['name']} has {network}, which is no IP address or network; write one, "
        "such as 192.0.2.10 or 2001:db8::/32, as a firewall knows no names."
        for network in networks
        if not _is_network(network)
    ]


def _fault(name: str, value: Any) -> str:
    """Return what is wrong with a setting in systemd's words, or an empty text."""
    if name in KEYS:
        return f"for which the app's key {KEYS[name]} is there"
    if name not in SETTINGS:
        close = difflib.get_close_matches(name, SETTINGS, 1)
        meant = f"; did you mean {close[0]}" if close else ""
        return f"which is no setting of systemd's for a sandbox or a limit{meant}"
    values = value if isinstance(value, list) else [value]
    if any(item is None or isinstance(item, Mapping | list) or not str(item).isprintable() for item in values):
        return "whose value must be a text on one line, a number, true or false, or a list of them"
    return ""


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return text in NETWORKS
    return True


def lines(app: App) -> list[str]:
    """Return the lines of a unit for an app's `service_options`; one for each value of a list."""
    return list(_lines(app.get("service_options", {})))


def _lines(options: Mapping[str, Any]) -> Iterator[str]:
    for name, value in options.items():
        for item in value if isinstance(value, list) else [value]:
            yield f"{name}={str(item).lower() if isinstance(item, bool) else item}"

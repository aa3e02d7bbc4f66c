#!/bin/sh
# What the parts of a site take of a server's memory, in MB: ssh root@server sh < bench/memory.sh
# What processes share, such as a worker and its master, counts for each of them by its share: Pss in proc(5).
set -eu

pss() {
  for pid in $1; do cat "/proc/$pid/smaps_rollup"; done | awk '/^Pss:/ { sum += $2 } END { printf "%d", sum / 1024 }'
}

row() {
  [ -z "$2" ] || printf '%-44s %3d processes %6d MB\n' "$1" "$(echo "$2" | wc -w)" "$(pss "$2")"
}

row MySQL "$(pidof mysqld || true)"
row nginx "$(pidof nginx || true)"
systemctl list-units --type=service --state=running --plain --no-legend '*@????????-????????.service' |
  while read -r unit _; do
    group=$(systemctl show --property=ControlGroup --value "$unit")
    row "$unit" "$(tr '\n' ' ' < "/sys/fs/cgroup$group/cgroup.procs")"
  done
awk '/^(MemTotal|MemAvailable|SwapTotal)/ { printf "%-59s %6d MB\n", $1, $2 / 1024 }' /proc/meminfo

# What the scripts of stories share; each script begins by reading it.
set -euo pipefail
export PATH=/usr/local/bin:$PATH HOME=/root
# The scripts move between directories, which would each be a project of their own.
export KUKE_PROJECT=default
# On a busy machine a CNI plugin takes minutes in a guest.
export KUKE_CALL_TIMEOUT=15m
cd /root

fail() { echo "FAIL: $*" >&2; exit 1; }

# same GOT WANT
same() { [[ $1 == "$2" ]] || fail "got: $1, want: $2"; }

# has TEXT PART: the text holds the part.
has() { grep -qF -- "$2" <<<"$1" || fail "'$2' is not in: $1"; }

# lacks TEXT PART
lacks() { ! grep -qF -- "$2" <<<"$1" || fail "'$2' is in: $1"; }

# eventually COMMAND [ARG…]: run it until it succeeds, for a quarter of an hour.
eventually() {
  local end=$((SECONDS + 900))
  until "$@" >/tmp/eventually 2>&1; do
    ((SECONDS < end)) || fail "never succeeds: $*: $(cat /tmp/eventually)"
    sleep 0.5
  done
}

# empty_plan: the host matches the configuration.
empty_plan() {
  kuke plan --detailed-exitcode "$@" || fail "the plan is not empty (exit $?)"
}

# import brings the image busybox into the realm main.
import() { kuke image import --realm main --name busybox /mnt/test/rootfs.tar; }

# tasks prints the running containers of the realm main with their process ids.
tasks() { ctr -n kukeon-main task ls | awk '$3 == "RUNNING" { print $1, $2 }' | sort; }

# pid CONTAINERD-ID
pid() { tasks | awk -v id="$1" '$1 == id { print $2 }'; }

# addresses prints the cells with their addresses.
addresses() { kuke get cells -o json | grep -E '"(path|address)"' | sort; }

# cgroup PATH FILE: what a file of a cgroup below /kukeon holds.
cgroup() { cat "/sys/fs/cgroup/kukeon/$1/$2"; }

# inventory prints all that kuke has made on the host, but for process ids and times.
inventory() {
  for ns in $(ctr namespaces ls -q | grep '^kukeon-' || true); do
    echo "namespace $ns"
    ctr -n "$ns" containers ls -q | sed 's/^/container /' | sort
    ctr -n "$ns" task ls | awk 'NR > 1 { print "task", $1, $3 }' | sort
    ctr -n "$ns" snapshots ls | awk 'NR > 1 && $3 == "Active" { print "snapshot", $1 }' | sort
    ctr -n "$ns" leases ls -q | sed 's/^/lease /' | sort
  done
  find /opt/kukeon -name '*.yaml' -printf 'record %P\n' 2>/dev/null | sort
  find /opt/kukeon -name '.*' ! -name .lock ! -name .key ! -path /opt/kukeon/.history -printf 'temporary file %P\n' 2>/dev/null | sort
  find /etc/cni/net.d -type f -printf 'network file %f\n' 2>/dev/null | sort
  ip -o link | awk -F '[:@ ]+' '$2 ~ /^kuke-/ { print "bridge", $2 } $2 ~ /^veth/ { n++ } END { print "veths", n + 0 }'
  find /run/kukeon/netns -type f -printf 'network namespace %f\n' 2>/dev/null | sort
  nft list tables | grep kukeon | sort || true
  find /sys/fs/cgroup/kukeon -mindepth 1 -type d -printf 'cgroup %P\n' 2>/dev/null | sort
  local shims
  shims=$(pgrep -fc 'containerd-shim-runc-v2 -namespace kukeon-' || true)
  echo "shims $shims"
}

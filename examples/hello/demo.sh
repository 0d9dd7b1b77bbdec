#!/bin/sh
# This example from start to end: plan, apply, an empty plan, one change, destroy.
# Run by `make demo` in a lab; on a real host it works as well: sudo examples/hello/demo.sh kuke
set -eu
kuke=$(command -v "${1:-kuke}")
kuke=$(cd "$(dirname "$kuke")" && pwd)/$(basename "$kuke")
cd "$(dirname "$0")"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

bold='' plain=''
if [ -t 1 ]; then bold=$(printf '\033[1m') plain=$(printf '\033[0m'); fi

run() {
  printf '\n%s$ kuke %s%s\n' "$bold" "$*" "$plain"
  "$kuke" "$@"
}

# There is no registry here, so the image is made from this host's static busybox.
mkdir -p "$scratch/rootfs/bin"
cp "$(command -v busybox)" "$scratch/rootfs/bin/busybox"
ln -s busybox "$scratch/rootfs/bin/sh"
ln -s busybox "$scratch/rootfs/bin/sleep"
tar -C "$scratch/rootfs" -cf "$scratch/busybox.tar" .

run image import --realm main --name busybox "$scratch/busybox.tar"
run plan
run apply --auto-approve
run plan
run get containers

printf '\nNow the sidecar says something else:\n'
sed 's/hello from the sidecar/good morning/' main.hcl >"$scratch/changed.hcl"
run plan -f "$scratch/changed.hcl"
run apply --auto-approve -f "$scratch/changed.hcl"
run destroy --auto-approve

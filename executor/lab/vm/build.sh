#!/bin/bash
# build.sh SUITE DIR: make the disk of a Debian host, with its kernel and initial RAM disk, in DIR.
#
#   SUITE  bookworm (Debian 12) or trixie (Debian 13)
#   DIR    receives disk.raw (ext4, the whole disk), vmlinuz and initrd.img
#
# The packages come from the archive that this machine's apt uses. Needs root, mmdebstrap and e2fsprogs.
set -euo pipefail
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"
suite=$1
out=$(realpath "$2")
size=3G

packages=(
  systemd-sysv dbus udev kmod apparmor
  containerd runc containernetworking-plugins iptables nftables
  iproute2 procps util-linux busybox-static
  linux-image-cloud-amd64 initramfs-tools zstd
)

mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' | grep -m 1 '/debian/$' || true)
if [[ -z $mirror ]]; then
  echo "build.sh: apt knows no Debian archive: run apt-get update" >&2
  exit 1
fi

work=$(mktemp -d "$out/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
root=$work/root

mmdebstrap --quiet --mode=root --variant=minbase --components=main \
  --include="$(IFS=,; echo "${packages[*]}")" \
  --aptopt='Acquire::Languages "none"' \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
  --dpkgopt='path-exclude=/usr/share/doc/*' \
  --essential-hook='mkdir -p "$1/etc/initramfs-tools/conf.d" && echo MODULES=most > "$1/etc/initramfs-tools/conf.d/modules"' \
  "$suite" "$root" "$mirror"

# A guest's only connection to the outside is this port.
install -D -m 0755 "$(dirname "$0")/agent.sh" "$root/usr/local/sbin/kuke-agent"
cat > "$root/etc/systemd/system/kuke-agent.service" <<'UNIT'
[Unit]
Description=Run the scripts of a test
DefaultDependencies=no
After=local-fs.target
# A test watches a shutdown to its end.
IgnoreOnIsolate=yes

[Service]
ExecStart=/usr/local/sbin/kuke-agent
KillMode=process
OOMScoreAdjust=-1000
Restart=always

[Install]
WantedBy=sysinit.target
UNIT
mkdir -p "$root/etc/systemd/system/sysinit.target.wants"
ln -s ../kuke-agent.service "$root/etc/systemd/system/sysinit.target.wants/"

cat > "$root/etc/systemd/network/80-dhcp.network" <<'UNIT'
[Match]
Name=en* eth*

[Network]
DHCP=ipv4
UNIT
chroot "$root" systemctl -q enable systemd-networkd.service
# Everything is some twenty times slower under emulation: what a host does by default must not time out for that alone.
mkdir -p "$root/etc/systemd/system.conf.d" "$root/mnt/test"
printf '[Manager]\nDefaultTimeoutStartSec=900\n' > "$root/etc/systemd/system.conf.d/slow.conf"
echo '/dev/vda / ext4 defaults 0 1' > "$root/etc/fstab"
echo '/dev/vdb /mnt/test ext4 ro,noauto 0 0' >> "$root/etc/fstab"
echo kuke-guest > "$root/etc/hostname"
echo '127.0.0.1 localhost kuke-guest' > "$root/etc/hosts"
rm -f "$root"/etc/resolv.conf "$root"/etc/machine-id "$root"/var/lib/dbus/machine-id
: > "$root/etc/machine-id"
chroot "$root" passwd -q -d root
# Background services of ordinary hosts that would only take time here.
for timer in apt-daily apt-daily-upgrade dpkg-db-backup e2scrub_all fstrim man-db logrotate; do
  ln -sf /dev/null "$root/etc/systemd/system/$timer.timer"
done
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*

cp -L "$root"/boot/vmlinuz-* "$out/vmlinuz"
cp -L "$root"/boot/initrd.img-* "$out/initrd.img"
chmod 0644 "$out/vmlinuz"
mke2fs -q -t ext4 -d "$root" "$out/disk.raw" "$size"

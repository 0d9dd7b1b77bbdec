#!/bin/bash
# build.sh BASE RECIPE OUT: make one image from Debian packages.
#
#   BASE    the root file system that all images share; made if it is missing
#   RECIPE  a directory of recipes/: packages (one a line), setup.sh (run in the image, optional), files/ (copied into the image)
#   OUT     receives the image's own layer, layer.tar.gz
#
# BASE.tar.gz is the layer below that of each image.
#
# The packages come from the archive that this machine's apt uses. Needs root and mmdebstrap.
set -euo pipefail
export LC_ALL=C DEBIAN_FRONTEND=noninteractive PATH="$PATH:/usr/sbin:/sbin"
base=$1 recipe=$2 out=$3

if [[ ! -d $base ]]; then
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' | grep -m 1 '/debian/$' || true)
  if [[ -z $mirror ]]; then
    echo "build.sh: apt knows no Debian archive: run apt-get update" >&2
    exit 1
  fi
  rm -rf "$base.new"
  mmdebstrap --quiet --mode=root --variant=minbase --components=main \
    --include=ca-certificates \
    --aptopt='Acquire::Languages "none"' --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    --skip=cleanup/apt/lists \
    bookworm "$base.new" "$mirror"
  # No service starts while a package is installed.
  printf '#!/bin/sh\nexit 101\n' >"$base.new/usr/sbin/policy-rc.d"
  chmod 755 "$base.new/usr/sbin/policy-rc.d"
  tar -C "$base.new" --sort=name --numeric-owner -c . | gzip -1 >"$base.tar.gz"
  mv "$base.new" "$base"
fi

merged=$out/merged upper=$out/upper
mkdir -p "$upper" "$out/work" "$merged"
mount -t overlay overlay -o "lowerdir=$base,upperdir=$upper,workdir=$out/work" "$merged"
trap 'umount -R "$merged"' EXIT
if [[ -d $recipe/files ]]; then
  cp -a --no-preserve=ownership "$recipe/files/." "$merged/"
  find "$recipe/files" -type f -path '*/bin/*' -printf "$merged/%P\0" | xargs -0 -r chmod 755
fi
mount --bind /dev "$merged/dev"
mount -t proc proc "$merged/proc"
# The archive's host name resolves here as it does outside.
cp --remove-destination /etc/resolv.conf /etc/hosts "$merged/etc/"
mapfile -t packages <"$recipe/packages"
chroot "$merged" apt-get -qq -o Dpkg::Use-Pty=0 install -y --no-install-recommends "${packages[@]}" >"$out/log" 2>&1 || { tail -n 40 "$out/log" >&2; exit 1; }
if [[ -f $recipe/setup.sh ]]; then chroot "$merged" /bin/bash -euo pipefail <"$recipe/setup.sh"; fi
chroot "$merged" apt-get -qq clean
rm -rf "$merged"/var/lib/apt/lists/* "$merged"/tmp/* "$merged"/etc/resolv.conf "$merged"/etc/hosts
umount -R "$merged"
trap - EXIT

# The deletions of an overlay are devices; those of a layer are files.
find "$upper" -type c -size 0 -print0 | while IFS= read -r -d '' gone; do
  if [[ $(stat -c %t,%T "$gone") = 0,0 ]]; then
    rm "$gone"
    : >"$(dirname "$gone")/.wh.$(basename "$gone")"
  fi
done
tar -C "$upper" --sort=name --numeric-owner -c . | gzip -1 >"$out/layer.tar.gz"
rm -rf "$upper" "$out/work" "$merged" "$out/log"

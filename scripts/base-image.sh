#!/usr/bin/env bash
# Makes sure that there is a base image for the Dockerfile and prints its name: node:26-bookworm-slim where an image registry answers,
# else wayside/base:node26, the same made here from Debian packages (debootstrap) and the Node binary of the npm package "node".
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/steps.sh

REGISTRY_IMAGE=node:26-bookworm-slim
LOCAL_IMAGE=wayside/base:node26
PULL_LIMIT_S=${WAYSIDE_PULL_LIMIT_S:-120}
SUITE=bookworm
MIRROR=${WAYSIDE_DEBIAN_MIRROR:-http://deb.debian.org/debian}

for image in "$LOCAL_IMAGE" "$REGISTRY_IMAGE"; do
  if docker image inspect "$image" >/dev/null 2>&1; then
    echo "$image"
    exit 0
  fi
done
if [ "${WAYSIDE_BASE:-}" != local ] && timeout "$PULL_LIMIT_S" docker pull -q "$REGISTRY_IMAGE" >/dev/null 2>&1; then
  echo "$REGISTRY_IMAGE"
  exit 0
fi

[ "$(id -u)" = 0 ] || fail "Cannot make a base image: no image registry answers for $REGISTRY_IMAGE, and debootstrap needs root (run with sudo)"
cache=${WAYSIDE_CACHE_DIR:-/var/cache/wayside}
rootfs_tar=$cache/debian-$SUITE.tar
mkdir -p "$cache"
if [ ! -f "$rootfs_tar" ]; then
  step "no image registry answers: making a base image from Debian packages" >&2
  command -v debootstrap >/dev/null || install_packages debootstrap
  work=$(mktemp -d "$cache/rootfs.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  debootstrap --variant=minbase --include=ca-certificates,libatomic1,libstdc++6,tini "$SUITE" "$work/rootfs" "$MIRROR" >"$cache/debootstrap.log" 2>&1 ||
    fail "debootstrap failed: $(tail -1 "$cache/debootstrap.log")"
  rm -rf "$work"/rootfs/var/cache/apt/archives/*.deb "$work"/rootfs/var/lib/apt/lists/* "$work"/rootfs/usr/share/{doc,man,locale}/* "$work"/rootfs/proc/* "$work"/rootfs/sys/*
  tar --numeric-owner -C "$work/rootfs" -cf "$rootfs_tar.part" .
  mv "$rootfs_tar.part" "$rootfs_tar"
fi
# The Node binary is put on top, so that a newer Node needs no new debootstrap.
context=$(mktemp -d "$cache/context.XXXXXX")
trap 'rm -rf "$context" "${work:-/nonexistent}"' EXIT
docker import "$rootfs_tar" wayside/debian:$SUITE >/dev/null
cp -L node_modules/node/bin/node "$context/node"
cat >"$context/Dockerfile" <<EOF
FROM wayside/debian:$SUITE
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
COPY node /usr/local/bin/node
LABEL io.wayside.component=image
RUN node --version
EOF
DOCKER_BUILDKIT=0 docker build -q -t "$LOCAL_IMAGE" "$context" >/dev/null
echo "$LOCAL_IMAGE"

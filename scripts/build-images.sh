#!/usr/bin/env bash
# Builds the images (all, or those named): scripts/build-images.sh [MODULE...]. An image whose sources did not change is left alone.
# WAYSIDE_IMAGE_PREFIX (default wayside/) names them; --push pushes them there afterwards.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/steps.sh
bash scripts/bootstrap.sh
export PATH="$PWD/node_modules/.bin:$PATH"

prefix=${WAYSIDE_IMAGE_PREFIX:-wayside/}
version=$(node -p 'JSON.parse(require("fs").readFileSync("package.json")).version')
revision=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)
push=no
targets=()
for argument in "$@"; do
  if [ "$argument" = --push ]; then push=yes; else targets+=("$argument"); fi
done
[ ${#targets[@]} -gt 0 ] || targets=(daemon agent hub cache bgp cloud sample-sensor quickstart-origin)

module_path() {
  case $1 in
    sample-sensor) echo modules/samples/sensor ;;
    quickstart-origin) echo modules/samples/origin ;;
    *) echo "modules/$1" ;;
  esac
}

# The workspaces that an image runs. The daemon's image also carries the command line, for the node it stands on.
roots_of() {
  module_path "$1"
  [ "$1" != daemon ] || echo modules/cli
}

# The folders that go into an image: its workspaces and the shared packages that they list, theirs too.
folders_of() {
  node -e '
    const fs = require("fs");
    const byName = {"@wayside/protocol":"modules/shared/protocol","@wayside/kit":"modules/shared/kit","@wayside/gateway":"modules/shared/gateway"};
    const seen = new Set();
    const walk = (dir) => {
      if (seen.has(dir)) return;
      seen.add(dir);
      const {dependencies = {}} = JSON.parse(fs.readFileSync(dir + "/package.json"));
      for (const name of Object.keys(dependencies)) if (byName[name]) walk(byName[name]);
    };
    for (const root of process.argv.slice(1)) walk(root);
    console.log([...seen].join("\n"));' "$@"
}

# The workspaces whose production packages share one layer: a node pulls that layer once for all its images; the cloud has its own.
package_set_of() {
  case $1 in
    cloud | quickstart-origin) echo "cloud modules/cloud modules/samples/origin" ;;
    *) echo "edge modules/daemon modules/cli modules/agent modules/hub modules/cache modules/bgp modules/samples/sensor" ;;
  esac
}

# packages_image SET WORKSPACE...: the image with the production packages of these workspaces, as the lock file pins them.
packages_image() {
  local set=$1 image file workspace place=.wayside/packages/$1 workspaces=()
  shift
  image=wayside/packages-$set:$({ echo "$base_id"; cat package-lock.json "${@/%//package.json}"; } | sha256sum | cut -c1-16)
  if ! docker image inspect "$image" >/dev/null 2>&1; then
    step "production packages of the $set images" >&2
    rm -rf "$place"
    mkdir -p "$place/app"
    while read -r file; do
      mkdir -p "$place/app/$(dirname "$file")"
      cp "$file" "$place/app/$file"
    done < <(ls package.json package-lock.json modules/*/package.json modules/*/*/package.json)
    for workspace in "$@"; do workspaces+=(-w "$workspace"); done
    (cd "$place/app" && npm install --no-save "${workspaces[@]}" --omit=dev --ignore-scripts --prefer-offline --no-audit --no-fund --loglevel=error >/dev/null)
    # Packages that could not be hoisted keep their place; what is not packages is not for this layer.
    find "$place/app" -name node_modules -prune -o -type f -print0 | xargs -0 rm
    find "$place/app" -type d -empty -not -path '*/node_modules/*' -delete
    [ -d "$place/app/node_modules/@wayside" ] || fail "Cannot gather the production packages of the $set images: npm left no node_modules"
    printf 'ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nCOPY app/ /app/\nLABEL io.wayside.component=image\n' >"$place/Dockerfile"
    build "$place" -t "$image" --build-arg BASE_IMAGE="$base" >&2
    rm -rf "$place"
  fi
  echo "$image"
}

# build CONTEXT ARGUMENT...: quiet unless it fails. The classic builder, which every engine has.
build() {
  local context=$1 log
  shift
  log=$(DOCKER_BUILDKIT=0 docker build "$@" "$context" 2>&1) || fail "docker build failed: $log"
}

# source_hash MODULE FOLDER...: text that changes when anything that goes into the image changes. Tests and notes do not.
source_hash() {
  local module=$1
  shift
  { cat scripts/build-images.sh deployment/Dockerfile deployment/healthcheck.mjs package-lock.json; [ "$module" != cloud ] || cat scripts/install.sh; echo "$base_id"; find "$@" -type f -not -path '*/node_modules/*' -not -name '*.test.ts' -not -path '*/test/*' -not -name '*.md' -print0 | sort -z | xargs -0 sha256sum; } | sha256sum | cut -c1-32
}

# One build at a time in a checkout.
mkdir -p .wayside
exec 8>.wayside/build.lock
flock 8
# The scripts and styles of the portal lie in the cloud's image.
[[ " ${targets[*]} " != *" cloud "* ]] || node scripts/build-portal.ts >/dev/null
base=$(bash scripts/base-image.sh)
base_id=$(docker image inspect -f '{{.Id}}' "$base")
for module in "${targets[@]}"; do
  mapfile -t roots < <(roots_of "$module")
  mapfile -t folders < <(folders_of "${roots[@]}")
  image=$prefix$module:$version
  hash=$(source_hash "$module" "${folders[@]}")
  if [ "$(docker image inspect -f '{{index .Config.Labels "io.wayside.source"}}' "$image" 2>/dev/null)" = "$hash" ]; then
    continue
  fi
  step "building $image"
  read -r -a set < <(package_set_of "$module")
  packages=$(packages_image "${set[@]}")
  context=.wayside/context/$module
  rm -rf "$context"
  mkdir -p "$context/app/deployment" "$context/app/scripts"
  cp package.json "$context/app/"
  cp deployment/healthcheck.mjs "$context/app/deployment/"
  [ "$module" != cloud ] || cp scripts/install.sh "$context/app/scripts/"
  for folder in "${folders[@]}"; do
    mkdir -p "$context/app/$folder"
    tar -C "$folder" --exclude=node_modules --exclude='*.test.ts' --exclude=./test --exclude='*.md' -cf - . | tar -C "$context/app/$folder" -xf -
  done
  build "$context" --target "$module" -t "$image" -f deployment/Dockerfile --build-arg PACKAGES_IMAGE="$packages" \
    --build-arg VERSION="$version" --build-arg REVISION="$revision" --build-arg SOURCE_HASH="$hash"
  rm -rf "$context"
done
# Nameless images of ours: earlier builds, and the builder's stages of other targets. Those that a container still runs stay.
docker images -q --filter dangling=true --filter label=io.wayside.component=image | sort -u | xargs -r docker rmi >/dev/null 2>&1 || true
if [ "$push" = yes ]; then
  for module in "${targets[@]}"; do docker push "$prefix$module:$version"; done
fi

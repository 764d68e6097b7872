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
[ ${#targets[@]} -gt 0 ] || targets=(daemon agent hub cache cloud sample-sensor quickstart-origin)

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

# Production packages of a module, as the lock file pins them; kept by the hash of what decides them.
packages_of() {
  local module=$1 hash place file root workspaces=()
  shift
  for root in "$@"; do workspaces+=(-w "$root"); done
  hash=$(cat package-lock.json "${@/%//package.json}" | sha256sum | cut -c1-16)
  place=$PWD/.wayside/packages/$module-$hash
  if [ ! -d "$place" ]; then
    rm -rf .wayside/packages/"$module"-* "$place.part"
    mkdir -p "$place.part"
    while read -r file; do
      mkdir -p "$place.part/$(dirname "$file")"
      cp "$file" "$place.part/$file"
    done < <(ls package.json package-lock.json modules/*/package.json modules/*/*/package.json)
    (cd "$place.part" && npm install --no-save "${workspaces[@]}" --omit=dev --ignore-scripts --prefer-offline --no-audit --no-fund --loglevel=error >/dev/null)
    mv "$place.part" "$place"
  fi
  echo "$place"
}

# Text that changes when anything that goes into the image changes. Tests and notes do not.
source_hash() {
  { cat deployment/Dockerfile deployment/healthcheck.mjs scripts/install.sh package-lock.json; echo "$base_id"; find "$@" -type f -not -path '*/node_modules/*' -not -name '*.test.ts' -not -path '*/test/*' -not -name '*.md' -print0 | sort -z | xargs -0 sha256sum; } | sha256sum | cut -c1-32
}

base=$(bash scripts/base-image.sh)
base_id=$(docker image inspect -f '{{.Id}}' "$base")
for module in "${targets[@]}"; do
  mapfile -t roots < <(roots_of "$module")
  mapfile -t folders < <(folders_of "${roots[@]}")
  image=$prefix$module:$version
  hash=$(source_hash "${folders[@]}")
  if [ "$(docker image inspect -f '{{index .Config.Labels "io.wayside.source"}}' "$image" 2>/dev/null)" = "$hash" ]; then
    continue
  fi
  step "building $image"
  packages=$(packages_of "$module" "${roots[@]}")
  context=.wayside/context/$module
  rm -rf "$context"
  mkdir -p "$context/app/deployment" "$context/app/scripts"
  cp package.json "$context/app/"
  cp deployment/healthcheck.mjs "$context/app/deployment/"
  [ "$module" != cloud ] || cp scripts/install.sh "$context/app/scripts/"
  for folder in "${folders[@]}"; do
    mkdir -p "$context/app/$folder"
    tar -C "$folder" --exclude=node_modules --exclude='*.test.ts' --exclude=./test --exclude='*.md' -cf - . | tar -C "$context/app/$folder" -xf -
    # Packages that could not be hoisted.
    [ ! -d "$packages/$folder/node_modules" ] || cp -al "$packages/$folder/node_modules" "$context/app/$folder/"
  done
  cp -al "$packages/node_modules" "$context/app/"
  DOCKER_BUILDKIT=0 docker build -q --target "$module" -t "$image" -f deployment/Dockerfile \
    --build-arg BASE_IMAGE="$base" --build-arg VERSION="$version" --build-arg REVISION="$revision" --build-arg SOURCE_HASH="$hash" \
    "$context" 2>/dev/null >/dev/null || DOCKER_BUILDKIT=0 docker build --target "$module" -t "$image" -f deployment/Dockerfile --build-arg BASE_IMAGE="$base" --build-arg VERSION="$version" --build-arg REVISION="$revision" --build-arg SOURCE_HASH="$hash" "$context"
  rm -rf "$context"
done
# Nameless images of ours: earlier builds, and the builder's stages of other targets. Those that a container still runs stay.
docker images -q --filter dangling=true --filter label=io.wayside.component=image | sort -u | xargs -r docker rmi >/dev/null 2>&1 || true
if [ "$push" = yes ]; then
  for module in "${targets[@]}"; do docker push "$prefix$module:$version"; done
fi

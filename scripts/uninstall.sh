#!/usr/bin/env bash
# Removes the cache node from this server: the daemon, the modules, their network, configuration and state. Docker stays, other containers
# stay, and so do the cached content and the images unless asked for.
#
#   uninstall.sh [instance=NAME] [content=remove] [images=remove]
set -euo pipefail

fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}
[ "$(id -u)" = 0 ] || fail "Cannot uninstall: run it as root (sudo)"

instance='' content=keep images=keep
for argument in "$@"; do
  case $argument in
    instance=*) instance=${argument#*=} ;;
    content=keep | content=remove) content=${argument#*=} ;;
    images=keep | images=remove) images=${argument#*=} ;;
    *) fail "Cannot uninstall: unknown argument \"$argument\"" ;;
  esac
done
[[ $instance =~ ^[a-z0-9]*$ ]] || fail "Cannot uninstall: instance is \"$instance\", wanted lower-case letters and digits"
suffix=${instance:+-$instance}
label=io.wayside.instance=${instance:-default}

# The drives of the cache are read before its container goes.
mapfile -t drives < <(docker ps -aq --filter "label=$label" --filter label=io.wayside.component=module | xargs -r docker inspect \
  -f '{{range .Mounts}}{{.Source}} {{.Destination}}{{"\n"}}{{end}}' | awk '$2 ~ "^/nginx/cache[0-9]+/?$" {print $1}' | sort -u)

# The daemon first: it would bring the agent back.
for component in daemon module; do
  docker ps -aq --filter "label=$label" --filter "label=io.wayside.component=$component" | xargs -r docker rm -f >/dev/null
done
# Volumes that are state of the node's own modules; those that other modules' makers named are theirs.
docker volume ls -q --filter "label=$label" --filter label=io.wayside.component=storage | xargs -r docker volume rm >/dev/null
docker network ls -q --filter "label=$label" --filter label=io.wayside.component=network | xargs -r docker network rm >/dev/null 2>&1 || true

launcher=/usr/local/bin/wayside$suffix
if [ -L /usr/local/bin/iotedge ] && [ "$(readlink /usr/local/bin/iotedge)" = "$launcher" ]; then rm /usr/local/bin/iotedge; fi
rm -f "$launcher"
kept=()
for drive in "${drives[@]}"; do
  if [ "$content" = remove ]; then find "$drive" -mindepth 1 -delete; else kept+=("$drive"); fi
done
rm -rf "/etc/wayside$suffix" "/run/wayside$suffix"
# State goes piece by piece: a cache drive may lie below it.
rm -rf "/var/lib/wayside$suffix/daemon" "/var/lib/wayside$suffix/storage"
rmdir "/var/lib/wayside$suffix" 2>/dev/null || true
if [ "$images" = remove ]; then
  docker images -q --filter label=io.wayside.component=image | sort -u | xargs -r docker rmi -f >/dev/null 2>&1 || true
fi
[ ${#kept[@]} -eq 0 ] || printf 'kept the cached content in %s\n' "${kept[@]}"
echo "the cache node is removed"

#!/usr/bin/env bash
# npm start: a cloud, a cache node that it deployed, and content served through it, on this machine's Docker. Run it again any time.
# Settings: scripts/settings.sh (WAYSIDE_HTTP_PORT, WAYSIDE_CLOUD_HTTPS_PORT, ...).
set -euo pipefail
cd "$(dirname "$0")/.."
export STEPS_BEGAN_AT; STEPS_BEGAN_AT=$(date +%s)
. scripts/steps.sh
. scripts/settings.sh

[ "$(uname -s)" = Linux ] || fail "Cannot start: this is $(uname -s), wanted Linux with Docker Engine"
[ "$(id -u)" = 0 ] || fail "Cannot start: the node owns Docker and ports below 1024, so run it as root: sudo npm start"

step "packages"
bash scripts/bootstrap.sh
export PATH="$PWD/node_modules/.bin:$PATH"
command -v curl >/dev/null || install_packages curl
step "Docker Engine"
bash scripts/install.sh engine

# port_holder PORT: who listens there, unless it is a container of this instance.
port_holder() {
  local container
  container=$(docker ps --filter "publish=$1" --format '{{.Names}}' | head -1)
  if [ -n "$container" ]; then
    [ "$(docker inspect -f '{{index .Config.Labels "io.wayside.instance"}}' "$container")" = "${instance:-default}" ] || echo "container $container"
  elif (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then
    echo "another program$(command -v ss >/dev/null && ss -ltnpH "sport = :$1" | sed -n 's/.*users:(("\([^"]*\)",pid=\([0-9]*\).*/ (\1, pid \2)/p' | head -1)"
  fi
}
for setting in "WAYSIDE_HTTP_PORT $http_port" "WAYSIDE_CLOUD_HTTPS_PORT $cloud_https_port" "WAYSIDE_CLOUD_MQTT_PORT $cloud_mqtt_port" "WAYSIDE_CLOUD_AMQP_PORT $cloud_amqp_port"; do
  port=${setting#* }
  holder=$(port_holder "$port")
  [ -z "$holder" ] || fail "Port $port is taken by $holder; stop that or set ${setting% *} to a free port"
done

step "images"
bash scripts/build-images.sh
version=$(node -p 'JSON.parse(require("fs").readFileSync("package.json")).version')

# run_current NAME IMAGE RUN_ARGUMENTS...: a container that runs this image with these arguments; replaced when either changed.
run_current() {
  local name=$1 image=$2 wanted
  shift 2
  wanted=$(printf '%s ' "$(docker image inspect -f '{{.Id}}' "$image")" "$@" | sha256sum | cut -c1-32)
  if [ "$(docker inspect -f '{{index .Config.Labels "io.wayside.run"}}' "$name" 2>/dev/null)" = "$wanted" ]; then
    docker start "$name" >/dev/null
  else
    docker rm -f "$name" >/dev/null 2>&1 || true
    docker run -d --name "$name" --restart always --label "$label" --label "io.wayside.run=$wanted" --log-opt max-size=10m --log-opt max-file=3 "$@" "$image" >/dev/null
  fi
}

step "cloud"
mkdir -p "$cloud_state"
chown 13622:13622 "$cloud_state"
chmod 0700 "$cloud_state"
# The address at which the cloud's probe reaches the node, and other machines this cloud.
# (The source address towards outside; connecting a datagram socket sends nothing.)
address=$(node -e '
  const socket = require("dgram").createSocket("udp4");
  socket.on("error", () => socket.close());
  socket.connect(9, "192.0.2.1", () => { console.log(socket.address().address); socket.close(); });')
address=${address:-$(docker network inspect bridge -f '{{(index .IPAM.Config 0).Gateway}}')}
run_current "$cloud_container" "wayside/cloud:$version" --label io.wayside.component=cloud \
  -p "$cloud_https_port:8443" -p "$cloud_mqtt_port:8883" -p "$cloud_amqp_port:5671" -v "$cloud_state:/var/lib/wayside-cloud" \
  -e "WAYSIDE_CLOUD_HOSTNAME=$cloud_hostname" -e "WAYSIDE_CLOUD_ALT_NAMES=$(uname -n),$address" \
  -e "WAYSIDE_CLOUD_PUBLIC_HTTPS_PORT=$cloud_https_port" -e "WAYSIDE_CLOUD_PUBLIC_MQTT_PORT=$cloud_mqtt_port" -e "WAYSIDE_IMAGE_TAG=$version"
wait_until 60 "the cloud answers on $cloud_url" curl -fsSk --max-time 3 "$cloud_url/api/v1/healthz"
scripts/wayside login "$cloud_url" --user admin --password-file "$cloud_state/admin-secret" --ca "$cloud_state/ca/ca.pem" >/dev/null

step "cache node $node_name"
mkdir -p "$cache_drive"
chmod 777 "$cache_drive"
if ! scripts/wayside node show "$node_name" >/dev/null 2>&1; then
  scripts/wayside node create "$node_name" --ip "$address" --http-port "$http_port" --drive "$cache_drive,$cache_size_gb" >/dev/null
fi
if [ ! -f "/etc/wayside$suffix/config.toml" ]; then
  # The arguments of the provisioning command, and what only this machine adds: the cloud's name and the images are local.
  mapfile -t arguments < <(scripts/wayside node provision "$node_name" --json | node -e '
    const {command} = JSON.parse(require("fs").readFileSync(0, "utf8"));
    for (const [, argument] of command.matchAll(/\s["\x27]?((?:cloud|[a-z]+)=[^\s"\x27]+)/g)) console.log(argument);')
  bash scripts/install.sh "${arguments[@]}" "mqttport=$cloud_mqtt_port" "instance=$instance" "addhost=$cloud_hostname:host-gateway" "image=wayside/daemon:$version" >/dev/null
else
  bash scripts/install.sh upgrade "instance=$instance" "image=wayside/daemon:$version" >/dev/null
fi
wait_until 60 "the daemon has its network" docker network inspect "$network"

step "quickstart origin (plays the CDN)"
run_current "$origin_container" "wayside/quickstart-origin:$version" --label io.wayside.component=origin --network "$network" --network-alias quickstart-origin

step "deployment from the cloud"
manifest=deployment/quickstart.json
if [ "$http_port $cache_drive $cache_size_gb $summary_port" != "80 /var/lib/wayside/cache1 10 5001" ]; then
  # The published manifests say what they say; other settings get a copy with these.
  mkdir -p .wayside
  for name in quickstart with-sensor; do
    node scripts/manifest-settings.ts "deployment/$name.json" "$http_port" "$cache_drive" "$cache_size_gb" "$summary_port" >".wayside/$name$suffix.json"
  done
  manifest=.wayside/quickstart$suffix.json
fi
# Once for a cloud: a node that already has a deployment keeps it.
if [ ! -f "$cloud_state/quickstart-deployed" ]; then
  scripts/wayside deploy "$node_name" "$manifest" >/dev/null
  touch "$cloud_state/quickstart-deployed"
fi
# node_converged: the node handled the newest deployment and every module of it is as wanted.
node_converged() {
  scripts/wayside monitor "$node_name" --once --json | node -e '
    const {deployment, modules} = JSON.parse(require("fs").readFileSync(0, "utf8"));
    const names = modules.map((m) => m.name);
    process.exit(deployment.code === 200 && deployment.handledVersion === deployment.desiredVersion && names.includes("edgeHub") &&
      modules.every((m) => m.runtimeStatus === (m.desiredStatus ?? "running")) ? 0 : 1);'
}
wait_until 180 "node $node_name runs its deployment (see: scripts/wayside monitor $node_name)" node_converged

step "content"
# The same request twice: fetched from the origin, then served from the node.
answer() { curl -sS --max-time 30 -o /dev/null -w '%{http_code}, %{content_type}, %{size_download} bytes, %header{x-cache}' "$health_url"; }
wait_until 60 "the cache answers $health_url" curl -fsS --max-time 5 -o /dev/null "$health_url"
first=$(answer)
[[ $first == 200,* ]] || fail "The cache answered $first for $health_url"

step "ready"
echo
scripts/wayside list
cat <<EOF

content   $health_url
          $first
cloud     https://$cloud_hostname:$cloud_https_port (here: $cloud_url), user admin, secret in $cloud_state/admin-secret
portal    $cloud_url/portal
watch     scripts/wayside monitor $node_name
deploy    scripts/wayside deploy $node_name deployment/with-sensor.json
stop      npm stop
EOF

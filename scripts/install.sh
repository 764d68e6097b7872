#!/usr/bin/env bash
# Makes this server a cache node: what the provisioning command of the cloud runs. Needs root on Linux; installs Docker Engine where it is
# missing (Debian, Ubuntu), opens nothing else, writes config.toml and starts the daemon with `restart: always`. Running it again is safe.
#
#   install.sh cloud=https://host[:port] capin=sha256//PIN customerid=ID cachenodeid=ID customerkey=KEY registrationkey=KEY
#     [hostname=NAME] [instance=NAME] [drivepathandsizeingb=/path,GB[,/path,GB...]] [addhost=name:ip[,...]] [image=NAME:TAG]
#     [shoulduseproxy=true proxyurl=http://host:port [proxytlscertificatepath=/ca.pem]] [mqttport=8883]
#   install.sh connectionstring='HostName=..;DeviceId=..;SharedAccessKey=..' agentimage=NAME:TAG [the options above]     (any IoT Hub)
#   install.sh upgrade [image=NAME:TAG] [instance=NAME]           replaces the daemon's container, keeps config.toml and identity
#   install.sh engine                                             only makes sure that a Docker Engine runs
set -euo pipefail

DOCKER_START_LIMIT_S=60
DRIVES_MAX=9

fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}
say() { printf '%s\n' "$*"; }

[ "$(id -u)" = 0 ] || fail "Cannot install: run it as root (sudo)"
[ "$(uname -s)" = Linux ] || fail "Cannot install: this is $(uname -s), wanted Linux"

# need COMMAND PACKAGE: brings a program where the system has apt.
need() {
  command -v "$1" >/dev/null && return
  command -v apt-get >/dev/null || fail "Cannot install $2: no apt-get here; install it by hand and run this again"
  apt-get update -qq >/dev/null 2>&1 || true
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2" >/dev/null 2>&1 || fail "Cannot install the Debian package $2"
}

engine_answers() { docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

# lives PID_FILE NAME: the process of this pid file runs (no zombie) and has this name.
lives() {
  local pid state
  pid=$(cat "$1" 2>/dev/null) && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$2" ] || return 1
  state=$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$pid/status" 2>/dev/null)
  [ "$state" != Z ] && [ -n "$state" ]
}

# Docker Engine: taken as it is where it answers, installed (docker.io) and started where not; systemd is not needed.
ensure_engine() {
  command -v docker >/dev/null && engine_answers && return
  if ! command -v dockerd >/dev/null; then
    say "installing Docker Engine"
    need dockerd docker.io
  fi
  if [ -d /run/systemd/system ]; then
    systemctl enable --now docker >/dev/null 2>&1 || true
  elif ! lives /var/run/docker.pid dockerd; then
    # A pid file of an engine that was killed keeps a new one from starting once its number belongs to somebody else.
    rm -f /var/run/docker.pid
    lives /var/run/docker/containerd/containerd.pid containerd || rm -f /var/run/docker/containerd/containerd.pid
    mkdir -p /var/log
    setsid nohup dockerd --host unix:///var/run/docker.sock >/var/log/dockerd.log 2>&1 </dev/null &
  fi
  local end=$(($(date +%s) + DOCKER_START_LIMIT_S))
  until engine_answers; do
    [ "$(date +%s)" -lt "$end" ] || fail "Docker Engine does not answer after $DOCKER_START_LIMIT_S s: $(tail -1 /var/log/dockerd.log 2>/dev/null)"
    sleep 0.3
  done
}

if [ "${1:-}" = engine ]; then
  ensure_engine
  exit 0
fi

mode=install
if [ "${1:-}" = upgrade ]; then
  mode=upgrade
  shift
fi
cloud='' capin='' customerid='' cachenodeid='' customerkey='' registrationkey='' hostname='' instance='' drivepathandsizeingb='' addhost=''
image='' agentimage='' shoulduseproxy='false' proxyurl='' proxytlscertificatepath='' mqttport=8883 connectionstring=''
for argument in "$@"; do
  key=${argument%%=*} value=${argument#*=}
  case $key in
    cloud | capin | customerid | cachenodeid | customerkey | registrationkey | hostname | instance | drivepathandsizeingb | addhost | image | agentimage | shoulduseproxy | proxyurl | proxytlscertificatepath | mqttport | connectionstring)
      case $value in *[\"\\$'\n']*) fail "Cannot install: $key holds a quote, a backslash or a line break" ;; esac
      printf -v "$key" '%s' "$value"
      ;;
    *) fail "Cannot install: unknown argument \"$key\"" ;;
  esac
done

problems=()
if [ "$mode" = install ] && [ -z "$connectionstring" ]; then
  for key in cloud customerid cachenodeid customerkey registrationkey; do [ -n "${!key}" ] || problems+=("$key is missing"); done
  [[ $cloud =~ ^(https://[A-Za-z0-9.-]+(:[0-9]+)?)?$ ]] || problems+=("cloud is \"$cloud\", wanted https://host[:port]")
  [[ $capin =~ ^(sha256//[A-Za-z0-9+/=]+)?$ ]] || problems+=("capin is \"$capin\", wanted sha256//BASE64")
fi
[[ $instance =~ ^[a-z0-9]*$ ]] || problems+=("instance is \"$instance\", wanted lower-case letters and digits")
[[ $mqttport =~ ^[0-9]+$ ]] || problems+=("mqttport is \"$mqttport\", wanted a port number")
[ "$shoulduseproxy" != true ] || [[ $proxyurl =~ ^http://[^:/]+:[0-9]+$ ]] || problems+=("proxyurl is \"$proxyurl\", wanted http://host:port")
[ -z "$proxytlscertificatepath" ] || grep -qs 'BEGIN CERTIFICATE' "$proxytlscertificatepath" || problems+=("proxytlscertificatepath is \"$proxytlscertificatepath\", wanted a file with the CA of the proxy, PEM")
hostname=${hostname:-$(uname -n | tr '[:upper:]' '[:lower:]')}
[[ $hostname =~ ^[a-z0-9]([a-z0-9.-]{0,62}[a-z0-9])?$ ]] || problems+=("hostname is \"$hostname\", wanted a DNS name of at most 64 characters")

# Drives: /path,GB pairs. The paths that the original refuses are refused here: `.`, `./var`, `/`, spaces.
drives=()
if [ -n "$drivepathandsizeingb" ]; then
  IFS=, read -r -a parts <<<"$drivepathandsizeingb"
  [ $((${#parts[@]} % 2)) = 0 ] || problems+=("drivepathandsizeingb has ${#parts[@]} parts, wanted /path,GB pairs")
  [ ${#parts[@]} -le $((2 * DRIVES_MAX)) ] || problems+=("drivepathandsizeingb names $((${#parts[@]} / 2)) drives, at most $DRIVES_MAX")
  for ((i = 0; i + 1 < ${#parts[@]}; i += 2)); do
    # `//` and `/var/..` are the root too, which nobody wants writable for everyone.
    [[ ${parts[i]} =~ ^/[^[:space:]]+$ && $(realpath -m -- "${parts[i]}") != / ]] || problems+=("drive path \"${parts[i]}\", wanted an absolute path below / without spaces")
    [[ ${parts[i + 1]} =~ ^[0-9]+$ ]] || problems+=("size of ${parts[i]} is \"${parts[i + 1]}\", wanted whole GB")
    drives+=("${parts[i]}")
  done
fi
if [ ${#problems[@]} -gt 0 ]; then
  printf 'error: %s\n' "${problems[@]}" >&2
  exit 1
fi

suffix=${instance:+-$instance}
config_dir=/etc/wayside$suffix state_dir=/var/lib/wayside$suffix run_dir=/run/wayside$suffix container=wayside-daemon$suffix
image=${image:-wayside/daemon:latest}

ensure_engine
need curl curl
mkdir -p "$config_dir" "$state_dir/daemon" "$state_dir/storage" "$run_dir/mgmt" "$run_dir/workload"
chmod 0711 "$state_dir"
chmod 0700 "$state_dir/daemon"
for drive in "${drives[@]}"; do
  mkdir -p "$drive"
  chmod 777 "$drive"
done

if [ "$mode" = upgrade ]; then
  [ -f "$config_dir/config.toml" ] || fail "Cannot upgrade: $config_dir/config.toml is not there, this server is no cache node yet"
  addhost=$(sed -n 's/^hosts = \[\(.*\)\]$/\1/p' "$config_dir/config.toml" | tr -d '" ')
  proxyurl=$(sed -n 's/^https_proxy = "\(..*\)"$/\1/p' "$config_dir/config.toml")
  [ -z "$proxyurl" ] || shoulduseproxy=true
fi

hosts_toml='' host_arguments=()
if [ -n "$addhost" ]; then
  IFS=, read -r -a entries <<<"$addhost"
  for entry in "${entries[@]}"; do
    hosts_toml+="${hosts_toml:+, }\"$entry\""
    host_arguments+=(--add-host "$entry")
  done
fi

# Trust in the cloud, then config.toml.
write_config() {
  local ca_line='' authority host https_port=443 curl_arguments entry address
  if [ -n "$cloud" ]; then
    authority=${cloud#https://} host=${authority%%:*}
    [ "$authority" = "$host" ] || https_port=${authority##*:}
    curl_arguments=(-fsS --max-time 20)
    [ "$shoulduseproxy" != true ] || curl_arguments+=(--proxy "$proxyurl")
    # A name that only the containers are told is looked up in the same list here; the host's own gateway is its loopback.
    for entry in "${entries[@]:-}"; do
      [ "${entry%%:*}" = "$host" ] || continue
      address=${entry#*:}
      [ "$address" != host-gateway ] || address=127.0.0.1
      curl_arguments+=(--resolve "$host:$https_port:$address")
    done
    # The pin of the server's public key stands for the CA that this machine does not know yet.
    [ -z "$capin" ] || curl_arguments+=(--insecure --pinnedpubkey "$capin")
    curl "${curl_arguments[@]}" "$cloud/api/v1/ca.pem" -o "$config_dir/upstream-ca.pem.new" ||
      fail "Cannot read the CA of $cloud: not reachable, or its public key is not the pinned one"
    # A proxy that looks into TLS signs in the cloud's name: its CA is trusted beside the cloud's own.
    [ -z "$proxytlscertificatepath" ] || { echo && cat "$proxytlscertificatepath"; } >>"$config_dir/upstream-ca.pem.new"
    mv "$config_dir/upstream-ca.pem.new" "$config_dir/upstream-ca.pem"
    chmod 0644 "$config_dir/upstream-ca.pem"
    ca_line='ca_cert = "file:///etc/wayside/upstream-ca.pem"'
  fi

  umask 077
  {
    echo "# Written by install.sh; comments and changes of your own are kept in config.toml.bak when it runs again."
    echo "hostname = \"$hostname\""
    echo "instance = \"$instance\""
    echo
    echo "[provisioning]"
    if [ -n "$connectionstring" ]; then
      echo 'source = "manual"'
      echo "connection_string = \"$connectionstring\""
    else
      echo 'source = "registration"'
      echo "cloud_url = \"$cloud\""
      echo "customer_id = \"$customerid\""
      echo "cache_node_id = \"$cachenodeid\""
      echo "customer_key = \"$customerkey\""
      echo "registration_key = \"$registrationkey\""
    fi
    echo
    echo "[upstream]"
    echo "mqtt_port = $mqttport"
    echo "https_port = $https_port"
    [ -z "$ca_line" ] || echo "$ca_line"
    echo
    echo "[dns]"
    echo "hosts = [$hosts_toml]"
    if [ "$shoulduseproxy" = true ]; then
      echo
      echo "[proxy]"
      echo "https_proxy = \"$proxyurl\""
    fi
    if [ -n "$agentimage" ]; then
      echo
      echo "[agent.config]"
      echo "image = \"$agentimage\""
    fi
  } >"$config_dir/config.toml.new"
  if [ -f "$config_dir/config.toml" ] && ! cmp -s "$config_dir/config.toml" "$config_dir/config.toml.new"; then
    cp "$config_dir/config.toml" "$config_dir/config.toml.bak"
  fi
  mv "$config_dir/config.toml.new" "$config_dir/config.toml"
  umask 022
}
[ "$mode" = upgrade ] || write_config

docker image inspect "$image" >/dev/null 2>&1 || docker pull -q "$image" >/dev/null || fail "Cannot get the image $image: not here and no registry answers"
image_id=$(docker image inspect -f '{{.Id}}' "$image")
if [ "$mode" = upgrade ] && [ "$(docker inspect -f '{{.Image}}' "$container" 2>/dev/null)" = "$image_id" ]; then
  docker start "$container" >/dev/null
  exit 0
fi
# The daemon holds no module: replacing it stops none.
docker rm -f "$container" >/dev/null 2>&1 || true
proxy_arguments=()
[ "$shoulduseproxy" != true ] || proxy_arguments=(-e "https_proxy=$proxyurl" -e "HTTPS_PROXY=$proxyurl")
docker run -d --name "$container" --restart always --network host "${host_arguments[@]}" "${proxy_arguments[@]}" \
  --label "io.wayside.instance=${instance:-default}" --label io.wayside.component=daemon \
  --log-opt max-size=10m --log-opt max-file=3 \
  -e "WAYSIDE_HOST_STATE_DIR=$state_dir" -e "WAYSIDE_HOST_RUN_DIR=$run_dir" \
  -v "$config_dir:/etc/wayside" -v "$state_dir:/var/lib/wayside" -v "$run_dir:/run/wayside" -v /var/run/docker.sock:/var/run/docker.sock \
  "$image" >/dev/null

# `wayside` and, where that name is free, `iotedge` on the PATH: the CLI of the daemon's image over the node's own sockets. The working
# directory is there as /cwd, so that a support bundle lands where the operator stands.
launcher=/usr/local/bin/wayside$suffix
cat >"$launcher" <<EOF
#!/bin/sh
# Wayside's command line, run from the daemon's image.
tty=; [ -t 0 ] && [ -t 1 ] && tty=-t
mkdir -p "\$HOME/.config/wayside"
exec docker run --rm -i \$tty --log-driver none --network host --label io.wayside.instance=${instance:-default} --label io.wayside.component=cli ${host_arguments[*]} \\
  -v $config_dir:/etc/wayside:ro -v $state_dir:/var/lib/wayside:ro -v $run_dir:/run/wayside -v /var/run/docker.sock:/var/run/docker.sock \\
  -v "\$HOME/.config/wayside:/root/.config/wayside" -v "\$PWD:/cwd" -w /cwd $image node /app/modules/cli/src/main.ts "\$@"
EOF
chmod 0755 "$launcher"
if [ -z "$instance" ] && ! command -v iotedge >/dev/null; then ln -s "$launcher" /usr/local/bin/iotedge; fi

say "the daemon runs (container $container); see: $(basename "$launcher") list"

#!/usr/bin/env bash
# Starts BGP sessions between a node and routers of the operator's network: adds the module bgp and its sessions to what is deployed on the node
# and deploys that. The operator starts the other side of each session, with the node's address as neighbour. Log in first (wayside login).
#
#   scripts/start-bgp-session.sh NODE [localasn=N] [neighbor=ADDRESS,ASN]... [routerid=A.B.C.D] [passwordfile=FILE] [hostname=NAME]
#                                     [maxprefixes=N] [network=host|bridge] [out=FILE]
#
# What is missing is asked for. The same ASN on both sides makes iBGP. passwordfile: TCP MD5, one line for all sessions of the call; needs
# network=host (the default), because a signature does not survive address translation. hostname: that of config.toml on
# the node, default the name of this machine.
# out=FILE: the manifest is written there and not deployed.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/steps.sh

node=${1:-}
[[ $node =~ ^[a-zA-Z0-9_-]{1,90}$ ]] || fail "NODE is \"$node\", wanted the name of a cache node: start-bgp-session.sh NODE [neighbor=ADDRESS,ASN]..."
shift
local_asn='' router_id='' password_file='' hostname=$(uname -n | tr '[:upper:]' '[:lower:]') max_prefixes='' network=host out=''
neighbors=()
for argument in "$@"; do
  value=${argument#*=}
  case $argument in
    localasn=*) local_asn=$value ;;
    neighbor=*) neighbors+=("$value") ;;
    routerid=*) router_id=$value ;;
    passwordfile=*) password_file=$value ;;
    hostname=*) hostname=$value ;;
    maxprefixes=*) max_prefixes=$value ;;
    network=*) network=$value ;;
    out=*) out=$value ;;
    *) fail "Unknown argument \"$argument\": see the head of scripts/start-bgp-session.sh" ;;
  esac
done
[ -z "$password_file" ] || [ -r "$password_file" ] || fail "Cannot read passwordfile=$password_file"

# ask VARIABLE TEXT: from the terminal; where there is none, the argument is missing.
ask() {
  [ -t 0 ] || fail "$2: no terminal to ask at, give it as an argument"
  read -r -p "$2: " "$1"
}
[ -n "$local_asn" ] || ask local_asn "ASN of this node (localasn)"
if [ ${#neighbors[@]} = 0 ]; then
  ask count "Number of BGP sessions (neighbor)"
  [[ $count =~ ^[1-9][0-9]?$ ]] || fail "Number of BGP sessions is \"$count\", wanted 1 to 20"
  for ((i = 1; i <= count; i++)); do
    ask address "Neighbour IP address of session $i"
    ask asn "Neighbour ASN of session $i"
    neighbors+=("$address,$asn")
  done
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
scripts/wayside manifest "$node" --deployed >"$work/deployed.json"
if [ -z "$router_id" ]; then router_id=$(scripts/wayside node show "$node" --json | node_modules/.bin/node -p 'JSON.parse(require("fs").readFileSync(0)).ipAddress ?? ""'); fi
image=${WAYSIDE_IMAGE_PREFIX:-wayside/}bgp:$(node_modules/.bin/node -p 'JSON.parse(require("fs").readFileSync("package.json")).version')
(umask 077 && node_modules/.bin/node --disable-warning=ExperimentalWarning scripts/bgp-settings.ts "$work/deployed.json" "$image" "$network" "$hostname" "$local_asn" \
  "$router_id" "$max_prefixes" "$password_file" "${neighbors[@]}" >"$work/manifest.json")
if [ -n "$out" ]; then
  (umask 077 && cp "$work/manifest.json" "$out")
  echo "Written: $out (deploy it: scripts/wayside deploy $node $out)"
  exit 0
fi
scripts/wayside deploy "$node" "$work/manifest.json" --wait
cat <<END
The sessions wait for the routers. On each of them: neighbour = the address of this node, remote AS $local_asn, announce the prefixes of your clients.
TCP port 179 must be open between them. It takes up to 5 minutes until the prefixes are routed, and the node's prefix source must be bgp:

  scripts/wayside bgp $node
  scripts/wayside bgp $node --prefixes
  scripts/wayside node set $node --prefix-source bgp
END

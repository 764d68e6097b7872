#!/usr/bin/env bash
# npm run cache -- --listen 127.0.0.1:8080 --origin http://127.0.0.1:18090 --drive DIR,GB: the cache alone, as a plain reverse proxy, without any
# edge runtime. Installs what it needs first; further options are passed to the cache. Ends on SIGINT or SIGTERM.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/steps.sh

usage() {
  cat <<'TEXT'
npm run cache -- --listen ADDRESS:PORT --origin URL --drive DIR,GB [--drive DIR,GB ...] [--operations ADDRESS:PORT] [--threads N]

  --listen      content is served here; default :8081 (all addresses)
  --origin      every path is fetched from here: http(s)://host[:port]
  --drive       folder and gigabytes of 10^9 bytes; made when it is missing; may be given up to nine times
  --operations  /summary, /metrics and /healthz; default 127.0.0.1:5001
  --threads     threads that serve content
TEXT
}

arguments=()
operations=("--operations" "127.0.0.1:5001")
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help)
      usage
      exit 0
      ;;
    --drive=*)
      set -- --drive "${1#--drive=}" "${@:2}"
      continue
      ;;
    --drive)
      # A path is meant from where the command was given, not from the checkout.
      drive=${2:-}
      if [[ $drive == *,* && $drive != /* && $drive != ,* ]]; then drive=${INIT_CWD:-$PWD}/$drive; fi
      if [[ $drive == /*,* ]]; then mkdir -p "${drive%%,*}" || fail "Cannot make the folder ${drive%%,*} of --drive"; fi
      arguments+=("$1" ${2+"$drive"})
      shift $(($# > 1 ? 2 : 1))
      continue
      ;;
    --operations | --operations=*) operations=() ;;
  esac
  arguments+=("$1")
  shift
done
if [ ${#arguments[@]} -eq 0 ]; then
  usage >&2
  exit 2
fi

bash scripts/bootstrap.sh
# What Node compiles is kept for the next start. The folder must be this user's alone: what lies in it is run.
if [ -z "${NODE_COMPILE_CACHE:-}" ] && [ -n "${HOME:-}" ] && (umask 077 && mkdir -p "$HOME/.cache/wayside-compiled") 2>/dev/null; then
  export NODE_COMPILE_CACHE=$HOME/.cache/wayside-compiled
fi
exec node_modules/.bin/node --disable-warning=ExperimentalWarning modules/cache/src/main.ts "${arguments[@]}" "${operations[@]}"

#!/usr/bin/env bash
# The cloud under simulated nodes: --nodes N --store sqlite|postgres --replicas 1|2 (--help shows all). With postgres, Debian's own server in a temporary folder.
set -euo pipefail
bench=(node --disable-warning=ExperimentalWarning modules/simulator/bench/cloud.ts "$@")
case " $* " in *" --store postgres "* | *" --store=postgres "*) ;; *) exec "${bench[@]}" ;; esac

programs=$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -1)
[ -n "$programs" ] || { echo "PostgreSQL is missing, wanted Debian's package postgresql" >&2; exit 1; }
folder=$(mktemp -d)
owner=()
if [ "$(id -u)" = 0 ]; then
  chown postgres "$folder"
  owner=(runuser -u postgres --)
fi
port=$(node -e "const s = require('node:net').createServer().listen(0, '127.0.0.1', () => { console.log(s.address().port); s.close(); })")
stop() {
  (cd "$folder" && "${owner[@]}" "$programs/pg_ctl" -D "$folder/data" -m fast -w stop >/dev/null) || true
  rm -rf "$folder"
}
trap stop EXIT
(
  cd "$folder"
  "${owner[@]}" "$programs/initdb" -A trust -U wayside -E UTF8 --no-locale -D "$folder/data" >/dev/null
  "${owner[@]}" "$programs/pg_ctl" -D "$folder/data" -w -l "$folder/log" -o "-h 127.0.0.1 -p $port -c unix_socket_directories=$folder -c max_connections=200" start >/dev/null
  "${owner[@]}" "$programs/createdb" -h 127.0.0.1 -p "$port" -U wayside wayside
)
"${bench[@]}" --database-url "postgres://wayside@127.0.0.1:$port/wayside"

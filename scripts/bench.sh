#!/usr/bin/env bash
# npm run bench WHAT [-- OPTIONS]: the benchmarks of a module (modules/WHAT/bench/main.ts; --help shows its options) or of a part (scripts/bench/WHAT.sh).
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/steps.sh
have() { { for main in modules/*/bench/main.ts; do [ -e "$main" ] && basename "$(dirname "$(dirname "$main")")"; done; basename -as .sh scripts/bench/*.sh; } | paste -sd' '; }
module=${1:-}
[ -n "$module" ] || fail "Which benchmarks? npm run bench WHAT, one of: $(have)"
shift
part="scripts/bench/$module.sh"
[[ $module =~ ^[a-z0-9-]+$ ]] && { [ -e "modules/$module/bench/main.ts" ] || [ -e "$part" ]; } || fail "There are no benchmarks of \"$module\", wanted one of: $(have)"
bash scripts/bootstrap.sh
if [ -e "$part" ]; then
  export PATH="$PWD/node_modules/.bin:$PATH"
  exec bash "$part" "$@"
fi
exec node_modules/.bin/node --disable-warning=ExperimentalWarning "modules/$module/bench/main.ts" "$@"

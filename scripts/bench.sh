#!/usr/bin/env bash
# npm run bench WHAT [arguments]: runs scripts/bench/WHAT.sh; without WHAT it says what there is.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/steps.sh

what=${1:-}
shift || true
script="scripts/bench/$what.sh"
if [[ ! $what =~ ^[a-z0-9-]+$ ]] || [ ! -f "$script" ]; then
  fail "Unknown benchmark \"$what\": $(basename -as .sh scripts/bench/*.sh | paste -sd' ')"
fi
bash scripts/bootstrap.sh
export PATH="$PWD/node_modules/.bin:$PATH"
exec bash "$script" "$@"

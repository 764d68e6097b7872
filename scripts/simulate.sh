#!/usr/bin/env bash
# npm run simulate -- --nodes N [OPTIONS]: cache nodes that speak the real protocols to a cloud (modules/simulator; --help shows the options).
set -euo pipefail
cd "$(dirname "$0")/.."
bash scripts/bootstrap.sh
exec node_modules/.bin/node --disable-warning=ExperimentalWarning modules/simulator/src/main.ts "$@"

#!/usr/bin/env bash
# npm run soak [-- --minutes N | --clients]: the cache under mixed load or thousands of slow clients, watched for what grows; --help shows its options.
set -euo pipefail
cd "$(dirname "$0")/.."
bash scripts/bootstrap.sh
# Two descriptors a client, here and in the cache.
ulimit -n "$(ulimit -Hn)"
exec node_modules/.bin/node --disable-warning=ExperimentalWarning modules/cache/bench/soak.ts "$@"

#!/usr/bin/env bash
# The routing table at full size: [PREFIXES, default 1000000] [--store: also written to and read from the store].
set -euo pipefail
exec node --disable-warning=ExperimentalWarning modules/cloud/bench/routing.ts "$@"

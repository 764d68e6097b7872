#!/usr/bin/env bash
# A full BGP table: [PREFIXES, default 950000]. Needs root, bird2 and frr (npm test installs them).
set -euo pipefail
exec node --disable-warning=ExperimentalWarning modules/bgp/bench/full-table.ts "$@"

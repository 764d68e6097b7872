#!/usr/bin/env bash
# npm test: everything, or one part (check | unit | integration | e2e) and files after it. Installs what is missing first.
set -euo pipefail
cd "$(dirname "$0")/.."
export STEPS_BEGAN_AT; STEPS_BEGAN_AT=$(date +%s)
. scripts/steps.sh
part=${1:-all}
shift || true

bash scripts/bootstrap.sh
export PATH="$PWD/node_modules/.bin:$PATH"
export NODE_OPTIONS="--experimental-vm-modules --disable-warning=ExperimentalWarning${NODE_OPTIONS:+ $NODE_OPTIONS}"
WORKERS=2
# Limits of tests that name none: far beyond what they take, because a loaded machine is no fault of theirs.

check() {
  step "biome"
  NODE_OPTIONS='' biome check --error-on-warnings .
  step "tsc"
  NODE_OPTIONS='' tsc --noEmit -p .
  # The portal's scripts run in browsers: other globals than Node's.
  NODE_OPTIONS='' tsc --noEmit -p modules/cloud/src/portal/client
}
# shellcheck disable=SC2120
unit() {
  step "unit tests"
  jest --selectProjects unit --testTimeout=20000 --maxWorkers=$WORKERS "$@"
}
# engine_and_images: Docker Engine and the images, which the tests below use for real.
engine_and_images() {
  step "Docker Engine and images"
  as_root bash scripts/install.sh engine
  NODE_OPTIONS='' bash scripts/build-images.sh
}
# tools: programs of others that the tests speak to.
tools() {
  local missing=()
  command -v openssl >/dev/null || missing+=(openssl)
  command -v curl >/dev/null || missing+=(curl)
  command -v mosquitto_pub >/dev/null || missing+=(mosquitto-clients)
  command -v nginx >/dev/null || missing+=(nginx-light)
  command -v wget >/dev/null || missing+=(wget)
  # Browser of the portal's tests.
  command -v chromium >/dev/null || command -v chromium-browser >/dev/null || missing+=(chromium)
  [ -x /usr/sbin/dnsmasq ] || missing+=(dnsmasq-base)
  [ -x /usr/bin/named-checkzone ] || missing+=(bind9-utils)
  [ -d /usr/lib/postgresql ] || missing+=(postgresql)
  [ -x /usr/sbin/haproxy ] || missing+=(haproxy)
  # Routers for the BGP module, in network namespaces: both only of use to root.
  if [ "$(id -u)" = 0 ]; then
    [ -x /usr/sbin/bird ] || missing+=(bird2)
    [ -x /usr/lib/frr/bgpd ] || missing+=(frr)
    command -v ip >/dev/null || missing+=(iproute2)
  fi
  [ ${#missing[@]} -gt 0 ] || return 0
  step "installing ${missing[*]}"
  # The programs, not their services: without this Debian would start nginx on port 80.
  local policy=/usr/sbin/policy-rc.d made=no
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 0755 "$policy"
    made=yes
  fi
  install_packages "${missing[@]}"
  [ "$made" = no ] || as_root rm -f "$policy"
}
portal_bundle() {
  step "portal bundle"
  NODE_OPTIONS='' node scripts/build-portal.ts >/dev/null
}
# on_postgres: what is close to the store once more, on a PostgreSQL server of its own.
on_postgres() {
  step "the cloud's store on PostgreSQL"
  local cloud=modules/cloud/src
  node scripts/test-on-postgres.ts "$cloud/(store|telemetry|twins|identity|device-front|deployments|routing|bgp|accounts|people)/" \
    --selectProjects unit --testTimeout=60000 --maxWorkers=$WORKERS
  node scripts/test-on-postgres.ts modules/cloud/test/hub- --selectProjects integration --testTimeout=60000 --maxWorkers=1
}
# shellcheck disable=SC2120
integration() {
  tools
  portal_bundle
  engine_and_images
  step "integration tests"
  jest --selectProjects integration --testTimeout=60000 --maxWorkers=$WORKERS "$@"
  # Files named are all that was asked for.
  [ $# -gt 0 ] || on_postgres
}
# shellcheck disable=SC2120
e2e() {
  tools
  engine_and_images
  step "end-to-end tests"
  jest --selectProjects e2e --testTimeout=60000 --runInBand "$@"
}

case $part in
  all)
    check
    unit
    integration
    e2e
    step "all green"
    ;;
  check | unit | integration | e2e) "$part" "$@" ;;
  *) fail "Unknown part \"$part\": check, unit, integration or e2e" ;;
esac

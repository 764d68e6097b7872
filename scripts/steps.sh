#!/usr/bin/env bash
# What the scripts share: one line a step with its time, and the answer to "what is missing".
# shellcheck shell=bash

STEPS_BEGAN_AT=${STEPS_BEGAN_AT:-$(date +%s)}

# step TEXT: says what is being done now.
step() { printf '[%4ss] %s\n' "$(($(date +%s) - STEPS_BEGAN_AT))" "$*"; }

# fail TEXT: one line to stderr, exit 1.
fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# as_root CMD...: runs it as root (sudo where we are not).
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# wait_until SECONDS WHAT CMD...: polls CMD until it succeeds; fails naming WHAT.
wait_until() {
  local limit_s=$1 what=$2 end
  shift 2
  end=$(($(date +%s) + limit_s))
  until "$@" >/dev/null 2>&1; do
    [ "$(date +%s)" -lt "$end" ] || fail "$what: not after $limit_s s"
    sleep 0.3
  done
}

# install_packages PACKAGE...: Debian packages, where we may.
install_packages() {
  command -v apt-get >/dev/null || fail "Cannot install $*: no apt-get here; install them by hand and start again"
  [ "$(id -u)" = 0 ] || command -v sudo >/dev/null || fail "Cannot install $*: neither root nor sudo"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1 || {
    as_root apt-get update -qq >/dev/null 2>&1 || true
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null ||
      fail "Cannot install Debian packages: $*"
  }
}

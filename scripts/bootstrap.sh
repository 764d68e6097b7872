#!/usr/bin/env bash
# Brings node_modules (with Node 26 in node_modules/.bin) to what package-lock.json says. Quick when nothing changed. Safe to run side by side.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/steps.sh

stamp=node_modules/.lock-installed
current() { [ -x node_modules/.bin/node ] && [ -f "$stamp" ] && cmp -s package-lock.json "$stamp"; }
current && exit 0

command -v npm >/dev/null || fail "Cannot install the packages: npm is not here (any Node.js from 20 on brings it)"
exec 9>.git/bootstrap.lock 2>/dev/null || exec 9>/tmp/wayside-bootstrap.lock
flock 9
current && exit 0
step "installing packages"
# Install scripts are off: the only package that needs one is Node itself.
# `npm install --no-save` takes exactly the versions of the lock file and leaves it alone; `npm ci` would refuse a registry that does not
# carry the optional packages of other platforms.
npm install --no-save --no-audit --no-fund --loglevel=error --ignore-scripts
if [ ! -x node_modules/node/bin/node ]; then npm rebuild node --loglevel=error; fi
node_modules/.bin/node --version >/dev/null || fail "Cannot run the Node 26 of the package \"node\": $(node_modules/.bin/node --version 2>&1 | head -1)"
cp package-lock.json "$stamp"

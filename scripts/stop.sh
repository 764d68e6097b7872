#!/usr/bin/env bash
# Stops what `npm start` started. Nothing is lost: `npm start` resumes, with the cached content.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/steps.sh
. scripts/settings.sh

command -v docker >/dev/null || fail "Nothing to stop: Docker is not here"
# In this order: the daemon would bring the agent back, the agent its modules.
for component in daemon module origin cloud; do
  mapfile -t running < <(docker ps -q --filter "label=$label" --filter "label=io.wayside.component=$component")
  [ ${#running[@]} -gt 0 ] || continue
  step "stopping $(docker inspect -f '{{.Name}}' "${running[@]}" | tr -d '/' | tr '\n' ' ')"
  docker stop -t 10 "${running[@]}" >/dev/null
done
step "stopped; npm start resumes"

#!/usr/bin/env bash
# image-smoke.sh IMAGE: starts the gateway's image with docker as the cluster does (no privileges, read-only files), and
# sends it a request from inside with its own `get`.
set -euo pipefail
image=$1
container=$(docker run --detach --read-only --cap-drop ALL --security-opt no-new-privileges "$image" \
  --listen=0.0.0.0:8080 --admin-listen=0.0.0.0:8081)
trap 'docker rm --force "$container" >/dev/null' EXIT

ask() { docker exec "$container" metrics-gateway get "http://localhost:$1"; }
for _ in $(seq 1 50); do
  ask 8081/-/ready >/dev/null 2>&1 && break
  sleep 0.2
done
ask 8081/-/ready
ask 8081/-/healthy
ask 8081/metrics | grep '^metrics_gateway_series '
if ask 8080/metrics >/dev/null 2>&1; then
  echo "error: the port for pushes shows the metrics" >&2
  exit 1
fi
docker stop --time 30 "$container" >/dev/null
[ "$(docker inspect --format '{{.State.ExitCode}}' "$container")" = 0 ]

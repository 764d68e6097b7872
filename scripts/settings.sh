#!/usr/bin/env bash
# Settings of the quickstart, from the environment; the same for start and stop.
# shellcheck shell=bash disable=SC2034

instance=${WAYSIDE_INSTANCE:-}
node_name=${WAYSIDE_NODE:-edge1}
http_port=${WAYSIDE_HTTP_PORT:-80}
cloud_https_port=${WAYSIDE_CLOUD_HTTPS_PORT:-443}
cloud_mqtt_port=${WAYSIDE_CLOUD_MQTT_PORT:-8883}
# AMQP 1.0 for back ends (`azure-iothub`'s Client.send).
cloud_amqp_port=${WAYSIDE_CLOUD_AMQP_PORT:-5671}
cloud_hostname=${WAYSIDE_CLOUD_HOSTNAME:-wayside-cloud}
summary_port=${WAYSIDE_SUMMARY_PORT:-5001}
cache_size_gb=${WAYSIDE_CACHE_SIZE_GB:-10}

suffix=${instance:+-$instance}
label=io.wayside.instance=${instance:-default}
cloud_container=wayside-cloud$suffix
daemon_container=wayside-daemon$suffix
origin_container=wayside-quickstart-origin$suffix
network=azure-iot-edge$suffix
cloud_state=/var/lib/wayside-cloud$suffix
cache_drive=${WAYSIDE_CACHE_DRIVE:-/var/lib/wayside$suffix/cache1}
cloud_url=https://localhost:$cloud_https_port
health_url="http://127.0.0.1:$http_port/mscomtest/wuidt.gif?cacheHostOrigin=au.download.windowsupdate.com"
# The operator's own settings; a second instance beside the first has its own.
export WAYSIDE_CONFIG_DIR=${WAYSIDE_CONFIG_DIR:-${XDG_CONFIG_HOME:-$HOME/.config}/wayside$suffix}

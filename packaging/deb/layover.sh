#!/bin/sh
# Commands read the configuration of the service, unless they name another.
export LAYOVER_CONFIGURATION_PLACES="${LAYOVER_CONFIGURATION_PLACES-/etc/layover/config.yml}"
exec /usr/lib/layover/bin/node --max-semi-space-size=4 --no-parallel-scavenge /usr/lib/layover/dist/main.js "$@"

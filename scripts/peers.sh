#!/usr/bin/env bash
# Installs the supervisors that `make bench` compares seance with: those that
# Debian and npm have. None is started as a system service, and none is needed
# for anything else. What cannot be had is left out of the comparison.
#
# usage: scripts/peers.sh
set -euo pipefail
cd "$(dirname "$0")/.."

readonly pm2_version=7.0.4

main() {
	scripts/setup.sh s6-svscan=s6 runsvdir=runit supervisord=supervisor tini=tini dumb-init=dumb-init
	if [ ! -x build/peers/node_modules/.bin/pm2 ] && command -v npm >/dev/null; then
		echo "peers: npm install pm2@$pm2_version"
		npm install --silent --no-fund --no-audit --prefix build/peers "pm2@$pm2_version" >/dev/null 2>&1 ||
			echo "peers: pm2 cannot be installed here" >&2
	fi
}

main

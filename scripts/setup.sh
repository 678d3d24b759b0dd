#!/usr/bin/env bash
# Installs what the tests and the demo need beyond Go: CRIU, and the programs
# that they run. With everything there it does nothing, quickly.
#
# usage: scripts/setup.sh [COMMAND=PACKAGE...]
#
# With arguments it makes sure of those programs too.
#
# As root on Debian and its kin it installs what is missing, and starts none
# of it as a system service. Elsewhere it says what is missing; the tests and
# the demo then leave out what needs it. With CI=true that is an error.
set -euo pipefail
cd "$(dirname "$0")/.."

# command=package
readonly programs=(
	gcc=gcc              # the race detector needs cgo
	redis-server=redis-server
	redis-cli=redis-tools
	curl=curl
	ps=procps
	tmux=tmux           # shows what a full-screen command draws
)
readonly wanted=("${programs[@]}" "$@")
missing=() packages=()

main() {
	look
	if [ ${#missing[@]} -gt 0 ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
		install
		look
	fi
	local incomplete=
	if [ ${#missing[@]} -gt 0 ]; then
		echo "setup: not here: ${missing[*]}; install them to see everything" >&2
		incomplete=yes
	fi
	scripts/criu.sh || incomplete=yes
	if [ -n "$incomplete" ] && [ "${CI:-}" = true ]; then
		exit 1
	fi
}

# look finds out which programs are missing.
look() {
	local entry
	missing=() packages=()
	for entry in "${wanted[@]}"; do
		if ! command -v "${entry%%=*}" >/dev/null; then
			missing+=("${entry%%=*}")
			packages+=("${entry#*=}")
		fi
	done
}

install() {
	local log
	log=$(mktemp)
	echo "setup: apt-get install ${packages[*]}"
	if ! { apt update -qq && without_services apt install -qq -y --no-install-recommends "${packages[@]}"; } >"$log" 2>&1; then
		tail -n 10 "$log" >&2
	fi
	rm -f "$log"
}

apt() {
	DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 "$@"
}

# without_services COMMAND...: Debian's packages start their service when they
# are installed, unless /usr/sbin/policy-rc.d says no. What was not there
# before is not left enabled either.
without_services() {
	local policy=/usr/sbin/policy-rc.d status=0
	if [ ! -e "$policy" ]; then
		trap 'rm -f /usr/sbin/policy-rc.d' EXIT
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod 755 "$policy"
	fi
	"$@" || status=$?
	local name
	for name in redis-server supervisor runit; do
		if [ -d /run/systemd/system ] && [[ " ${packages[*]} " == *" $name "* ]]; then
			systemctl disable --quiet "$name" || true
		fi
	done
	return "$status"
}

main

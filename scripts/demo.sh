#!/usr/bin/env bash
# Shows seance's main job on the programs of examples/shop: boot them, save
# them while they run, quit, boot the saved image, and find every count going
# on from where it stood.
#
# usage: scripts/demo.sh [SEANCE-OPTION...]   (more options for `seance up`)
#
# Everything it keeps is in a folder of its own, removed at the end. Without
# root or CRIU, memory cannot be saved: the programs then start afresh, and
# the demo says so.
# Exit status: 0 everything went on; 1 something did not.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly seance=$PWD/build/seance web=http://127.0.0.1:7080 db_port=7379
init=''     # the image's first process, as the host sees it
why_cold='' # why its memory cannot be saved; empty when it can
unset SEANCE_IMAGE SEANCE_SOCKET

main() {
	check_here
	SEANCE_HOME=$(mktemp -d "${TMPDIR:-/tmp}/seance-demo.XXXXXX")
	export SEANCE_HOME
	trap clean_up EXIT

	title "Boot three programs, in order"
	run up -f examples/shop "$@"
	init=$(field pid)
	why_cold=$(field why_cold)
	run tree
	run list

	title "Let each of them count"
	drive
	note "counter has reached tick $ticks, web visitor $visits, db sale $sales"

	title "Save them while they run, and quit"
	local members
	members=$(descendants "$init")
	run snapshot --quit shop
	none_left "$members"
	run images

	title "Boot the saved image"
	run boot shop
	init=$(field pid)
	if [ "$(field freezer)" = criu ]; then
		check_continues
	else
		check_starts_afresh
	fi
	run ps
	run logs announce # what its hook was told, each time

	title "Quit"
	members=$(descendants "$init")
	run quit
	none_left "$members"
	init=''
	note "done"
}

check_here() {
	local program port
	for program in "$seance" redis-server redis-cli curl; do
		command -v "$program" >/dev/null || fail "$program is missing; try: make setup build"
	done
	for port in 7080 $db_port; do
		if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
			fail "port $port is taken by another program, and examples/shop needs it"
		fi
	done
}

# drive makes every program count, and keeps what each has reached in ticks,
# visits and sales.
drive() {
	wait_for_tick 5
	for _ in 1 2 3; do
		visits=$(visit)
		sales=$(sell)
	done
	ticks=$(last_tick)
}

visit() { curl -fsS --max-time 10 "$web/count"; }
sell() { timeout 10 redis-cli -p "$db_port" incr sales; }
last_tick() { ticks_seen | tail -n 1; }

# ticks_seen prints the number of every tick that counter's log has.
ticks_seen() { "$seance" logs counter | sed -n 's/.*tick \([0-9]*\).*/\1/p'; }

# wait_for_tick N waits until the counter has got there.
wait_for_tick() {
	local deadline=$((SECONDS + 20)) now
	while now=$(last_tick) && [ "${now:-0}" -lt "$1" ]; do
		[ $SECONDS -lt $deadline ] || fail "counter did not get to tick $1 in 20 s; its last was ${now:-none}"
		sleep 0.05
	done
}

check_continues() {
	local visits_now sales_now
	visits_now=$(visit)
	sales_now=$(sell)
	[ "$visits_now" = $((visits + 1)) ] || fail "web did not go on: visitor $visits_now follows $visits"
	[ "$sales_now" = $((sales + 1)) ] || fail "db did not go on: sale $sales_now follows $sales"
	wait_for_tick $((ticks + 5))
	# One unbroken row of numbers: no tick lost, none repeated, no new start.
	ticks_seen | awk '$1 != NR { print "counter did not go on: tick " $1 " in place of " NR; exit 1 }' ||
		fail "the ticks in its log are no unbroken row"
	note "counter went on to tick $(last_tick), web to visitor $visits_now, db to sale $sales_now"
}

# check_starts_afresh is for an image that was saved without its memory.
check_starts_afresh() {
	[ "$(visit)" = 1 ] || fail "web did not start afresh"
	[ "$(sell)" = 1 ] || fail "db did not start afresh"
	note "not shown: the counts going on, for the programs' memory was not saved (${why_cold:-no reason given})"
}

# field NAME prints a field of the one live image.
field() { "$seance" ls --json | sed -n "s/^ *\"$1\": \"\{0,1\}\(.*[^\",]\)\"\{0,1\},\{0,1\}\$/\1/p" | head -n 1 | sed 's/\\"/"/g'; }

# descendants PID prints a process and all below it, one a line.
descendants() {
	local child
	echo "$1"
	# shellcheck disable=SC2013 # the kernel writes them in one line
	for child in $(cat /proc/"$1"/task/*/children 2>/dev/null); do
		descendants "$child"
	done
}

# none_left PIDS: none of these processes exists any more.
none_left() {
	local pid left=''
	for pid in $1; do
		if [ -e "/proc/$pid" ]; then
			left="$left $pid ($(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null))"
		fi
	done
	[ -z "$left" ] || fail "processes are left:$left"
	note "none of its $(wc -w <<<"$1") processes is left"
}

clean_up() {
	local status=$?
	if [ -n "$init" ]; then
		timeout 30 "$seance" quit -i shop >/dev/null 2>&1 || kill -KILL "$init" 2>/dev/null || true
	fi
	rm -rf "$SEANCE_HOME"
	exit "$status"
}

title() { printf '\n== %s\n' "$*"; }
note() { printf -- '-- %s\n' "$*"; }

run() {
	printf '$ seance %s\n' "$*"
	"$seance" "$@" || fail "seance $1 failed with status $?"
}

fail() {
	printf 'demo: %s\n' "$*" >&2
	exit 1
}

main "$@"

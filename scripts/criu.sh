#!/usr/bin/env bash
# Makes sure that this machine has a CRIU that seance can work with.
#
# usage: scripts/criu.sh
#
# When the criu on PATH is new enough and passes `criu check`, nothing is
# done. Otherwise, on Debian and its kin, the package of the distribution's
# newest suite is unpacked, with the libraries it needs, into a folder of
# seance's own; nothing of the system is replaced. The mirror, the proxy and
# the keys are those of the machine's own apt.
#
# SEANCE_CRIU_PREFIX  that folder (default: /opt/seance/criu)
# SEANCE_CRIU         the criu that seance is told to use; it must work then
#
# Prints one line: the version and the path of the criu to use.
# Exit status: 0 there is one; 1 there is none, and the reason is on stderr.
set -euo pipefail

readonly need=4.2
readonly found_by_seance=/opt/seance/criu
readonly prefix=${SEANCE_CRIU_PREFIX:-$found_by_seance}
readonly criu=$prefix/bin/criu
work=

main() {
	[ "$(id -u)" = 0 ] ||
		fail "CRIU freezes and boots images only for root: run this as root"
	if [ -n "${SEANCE_CRIU:-}" ]; then
		usable "$SEANCE_CRIU" || fail "SEANCE_CRIU=$SEANCE_CRIU is no CRIU >= $need that passes \`criu check\`: unset it"
		return
	fi
	if usable "$(command -v criu || true)"; then
		return
	fi
	if usable "$criu"; then
		return
	fi
	can_unpack || fail "no CRIU >= $need here, and this is no Debian or kin of it: install it" \
		"with the package manager (dnf install criu, pacman -S criu, apk add criu) or from its sources"
	install_locked
}

# usable PATH: succeeds, and prints PATH, when it is a criu that is new enough
# and works with this kernel. A check that passed is remembered beside our own
# copy for this boot, because it takes longer than all the rest together.
usable() {
	local path=$1 version stamp
	[ -x "$path" ] || return 1
	version=$(version_of "$path")
	at_least "$version" "$need" || return 1
	stamp="$path $version $(cat /proc/sys/kernel/random/boot_id 2>/dev/null || uname -r)"
	if [ "$(cat "$prefix/checked" 2>/dev/null)" != "$stamp" ]; then
		"$path" check >/dev/null 2>&1 || return 1
		{ echo "$stamp" >"$prefix/checked.$$" && mv -f "$prefix/checked.$$" "$prefix/checked"; } 2>/dev/null || true
	fi
	echo "criu $version: $path"
	if [ "$path" = "$criu" ] && [ "$prefix" != "$found_by_seance" ]; then
		echo "criu: set SEANCE_CRIU=$path for seance to find it" >&2
	fi
}

version_of() { "$1" --version 2>/dev/null | sed -n 's/^Version: *//p' || true; }

# at_least A B: A is the same version as B or a later one.
at_least() {
	[ -n "$1" ] && [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}

can_unpack() {
	command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null && command -v flock >/dev/null
}

# install_locked keeps two installations apart: the second waits, and then
# finds the first one's copy.
install_locked() {
	if ! mkdir -p "$prefix/bin" 2>/dev/null || ! [ -w "$prefix" ]; then
		fail "cannot write to $prefix: choose another folder with SEANCE_CRIU_PREFIX=DIR"
	fi
	exec 9>"$prefix/lock"
	flock 9
	if usable "$criu"; then
		return
	fi
	if at_least "$(version_of "$criu")" "$need"; then
		fail_check # another copy of it would fail as well
	fi
	rm -rf "$prefix"/work.* # left by one that was killed
	work=$(mktemp -d "$prefix/work.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	chmod 755 "$work" # apt fetches as a user of its own

	fetch
	unpack
	usable "$criu" || fail_check
}

fail_check() {
	fail "CRIU $(version_of "$criu") does not work on this machine; \`$criu check\` says:" \
		"$("$criu" check 2>&1 | tail -n 5)"
}

# fetch downloads criu and what it depends on, from the first of the machine's
# mirrors that has it, with an apt that knows no installed package.
fetch() {
	local mirror suite acquire
	suite=$(newest_suite)
	acquire=$(apt-config dump | grep '^Acquire::' | grep -v '^Acquire::IndexTargets')
	mkdir -p "$work"/{state/lists/partial,cache/archives/partial,root}
	: >"$work/state/status"
	: >"$work/log"
	for mirror in $(mirrors); do
		say "looking for criu in $suite"
		apt_config "$mirror" "$suite" "$acquire" >"$work/apt.conf"
		export APT_CONFIG=$work/apt.conf
		apt-get update -qq >>"$work/log" 2>&1 || true
		at_least "$(package_version)" "$need" || continue
		say "fetching criu $(package_version) with its libraries"
		if apt-get install -qq -y --download-only --no-install-recommends criu >>"$work/log" 2>&1; then
			return
		fi
	done
	fail "cannot fetch CRIU >= $need from the suite \"$suite\" of this machine's apt sources" \
		"$(tail -n 5 "$work/log")"
}

# newest_suite names the suite that always has the newest packages.
newest_suite() {
	case " $(os_release ID) $(os_release ID_LIKE) " in
	*" ubuntu "*) echo devel ;;
	*) echo sid ;;
	esac
}

os_release() {
	sed -n "s/^$1=\"\{0,1\}\([^\"]*\)\"\{0,1\}$/\1/p" /etc/os-release
}

# mirrors lists the archives of the machine's own apt sources, the
# distribution's first. apt itself reads them, so both of its formats will do.
# It knows a suite's code name only where the lists were fetched before, and
# without --no-release-info it shows nothing where they were not.
mirrors() {
	local codename option
	codename=$(os_release VERSION_CODENAME)
	for option in --release-info --no-release-info; do
		# shellcheck disable=SC2016 # the names are apt's, not the shell's
		apt-get indextargets $option --format '$(RELEASE) $(CODENAME) $(REPO_URI)' \
			'Created-By: Packages' 'Component: main'
	done |
		awk -v own="$codename" '
			($1 == own || $2 == own) && !seen[$3]++ { print $3; next }
			$1 !~ /[-\/]/ { other[++n] = $3 }
			END { for (i = 1; i <= n; i++) if (!seen[other[i]]++) print other[i] }'
}

# apt_config MIRROR SUITE ACQUIRE prints a configuration that keeps how the
# machine fetches (ACQUIRE: proxy and the like) and nothing else of its own.
apt_config() {
	local keys="" file
	for file in /usr/share/keyrings/{debian,ubuntu}-archive-keyring.{gpg,pgp}; do
		[ -r "$file" ] && keys=${keys:+$keys,}$file
	done
	echo "deb ${keys:+[signed-by=$keys] }$1 $2 main" >"$work/sources.list"
	echo "$3"
	cat <<-END
		Dir::Etc::Parts "/dev/null";
		Dir::Etc::Main "/dev/null";
		Dir::Etc::SourceList "$work/sources.list";
		Dir::Etc::SourceParts "/dev/null";
		Dir::State "$work/state";
		Dir::State::Status "$work/state/status";
		Dir::Cache "$work/cache";
		Acquire::AllowInsecureRepositories "false";
		APT::Get::AllowUnauthenticated "false";
		APT::Install-Recommends "false";
	END
}

package_version() {
	apt-cache policy criu 2>/dev/null | sed -n 's/^ *Candidate: *//p' | grep -v none || true
}

# unpack puts the program and the libraries it loads, no more, into a folder
# named for the version, and then points bin/criu at it: whoever starts
# bin/criu meanwhile gets the old or the new one, whole.
unpack() {
	local deb loader libs version dir
	say "unpacking"
	for deb in "$work"/cache/archives/*.deb; do
		dpkg-deb -x "$deb" "$work/root"
	done
	loader=$(find "$work/root" -name 'ld-linux*.so.*' -o -name 'ld64.so.*' | head -n 1)
	[ -n "$loader" ] || fail "cannot unpack criu: no dynamic loader among its packages"
	libs=$(dirname "$loader")

	mkdir "$work/new"
	cp "$(find "$work/root" -path '*bin/criu' -type f | head -n 1)" "$work/new/criu"
	cp "$loader" "$work/new/ld.so"
	"$loader" --library-path "$libs" --list "$work/new/criu" >"$work/loads"
	if grep 'not found' "$work/loads" >&2; then
		fail "cannot unpack criu: libraries are missing among its packages"
	fi
	sed -n 's/.*=> \(\/.*\) (0x.*/\1/p' "$work/loads" | grep -v '/ld-linux' | xargs -r -d '\n' cp -L -t "$work/new"
	cp -r "$work/root/usr/share/doc" "$work/new/doc"

	version=$(package_version)
	dir=$prefix/$version
	rm -rf "$dir" # it did not pass the check, or we would not be here
	mv "$work/new" "$dir"
	# CRIU needs its own libc, so it is started through that libc's loader.
	# LD_LIBRARY_PATH would leak into the programs that CRIU runs.
	cat >"$work/wrapper" <<-END
		#!/bin/sh
		exec "$dir/ld.so" --library-path "$dir" "$dir/criu" "\$@"
	END
	chmod 755 "$work/wrapper"
	mv -f "$work/wrapper" "$criu"
}

say() {
	if [ -t 2 ]; then echo "criu: $*" >&2; fi
}

fail() {
	printf 'criu: %s\n' "$1" >&2
	shift
	[ -z "$*" ] || printf '      %s\n' "$@" >&2
	exit 1
}

main

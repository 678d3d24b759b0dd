#!/usr/bin/env bash
# Checks what can be checked without running the program.
#
# usage: scripts/lint.sh STATICCHECK
set -euo pipefail
cd "$(dirname "$0")/.."

status=0
unformatted=$(git ls-files -co --exclude-standard '*.go' | while read -r f; do [ -e "$f" ] && echo "$f"; done | xargs -r gofmt -l)
if [ -n "$unformatted" ]; then
	echo "not formatted (run gofmt -w on them):"
	echo "$unformatted"
	status=1
fi
go vet ./... || status=1
"$1" ./... || status=1
go test -count=1 ./internal/archtest || status=1 # never from the cache: go does not see what it reads
exit "$status"

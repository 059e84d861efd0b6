#!/usr/bin/env bash
# Every test of a change: web, unit, integration and end-to-end. What walks for
# long is in scripts/full.sh; docs/local-dev.md lists what is where.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/go.sh
source scripts/go.sh

rm -f build/repeated.* build/e2e-costs.txt
part() { printf '\n== %s, %d s after the start\n' "$1" "$SECONDS"; }

# beside NAME COMMAND... runs a command beside the parts that follow, until it is
# awaited: where they wait for the network, or leave cores idle.
declare -A running
beside() {
	local name=$1
	shift
	"$@" >"build/$name.log" 2>&1 &
	running[$name]=$!
}
await() {
	wait "${running[$1]}" || { cat "build/$1.log" >&2; exit 1; }
	unset "running[$1]"
}
trap 'kill "${running[@]}" 2>/dev/null || true' EXIT

part "what this machine lacks"
scripts/prepare.sh test

images() { go run ./test/images && go run ./test/images projects droplet13; }
part "images and the web app"
mkdir -p build
beside images images
scripts/web.sh
# The build has checked the types, and lint looks at the web app as well.
(cd web && npm run --silent types:check && npm run --silent unit)
await images

part "lint"
scripts/lint.sh

part "programs"
make --no-print-directory build
go run ./test/images server

# The linters have judged all that vet would.
part "tests under the race detector"
mapfile -t racing < <(racing)
CGO_ENABLED=1 tested standard-quiet "${racing[*]}" -race -p 3 -timeout 30m -skip "^$heavy\$"

part "tests"
beside heavy go test -vet=off -run "^$heavy\$" ./pkg/stackctl/redact
mapfile -t plain < <(go list ./... | grep -vxF "$(go list "${racing[@]}")")
tested standard-quiet "${plain[*]}" -p 3 -timeout 30m
await heavy

part "end-to-end tests, and another platform"
beside windows env GOOS=windows GOARCH=amd64 nice scripts/build.sh stackctl /dev/null
tested testname ./test/e2e -tags e2e -count=1 -timeout 70m
await windows
printf '\nTime with a server, and runs of stackctl:\n'
cat build/e2e-costs.txt
repeated
printf '\nAll passed, after %d s.\n' "$SECONDS"

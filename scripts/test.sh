#!/usr/bin/env bash
# Every test of a change: web, unit, integration and end-to-end. What walks for
# long is in scripts/full.sh; docs/local-dev.md lists what is where.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/go.sh
source scripts/go.sh

rm -f build/repeated.* build/e2e-costs.txt
part() { printf '\n== %s, %d s after the start\n' "$1" "$SECONDS"; }

part "what this machine lacks"
scripts/prepare.sh test

# Both wait for the network: side by side. Nothing else is.
part "images and the web app"
mkdir -p build
go run ./test/images >build/images.log 2>&1 &
images=$!
trap 'kill $images 2>/dev/null || true' EXIT
scripts/web.sh
wait $images || { cat build/images.log >&2; exit 1; }
trap - EXIT
go run ./test/images projects
go run ./test/images droplet13
# The build has checked the types, the linters look at the web app below.
(cd web && npm run --silent types:check && npm run --silent unit)

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
go test -vet=off -run "^$heavy\$" ./pkg/stackctl/redact
mapfile -t plain < <(go list ./... | grep -vxF "$(go list "${racing[@]}")")
tested standard-quiet "${plain[*]}" -p 3 -timeout 30m

part "end-to-end tests"
tested testname ./test/e2e -tags e2e -count=1 -timeout 70m
printf '\nTime with a server, and runs of stackctl:\n'
cat build/e2e-costs.txt

part "another platform"
GOOS=windows GOARCH=amd64 scripts/build.sh stackctl /dev/null
repeated
printf '\nAll passed, after %d s.\n' "$SECONDS"

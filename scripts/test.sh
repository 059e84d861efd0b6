#!/usr/bin/env bash
# Every test: web, unit, integration and end-to-end, and a build for every
# platform that stackctl runs on.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/prepare.sh test
scripts/web.sh
(cd web && npm test --silent)
scripts/lint.sh
make --no-print-directory build
go run ./test/images
go run ./test/images server
# What works in several goroutines at once meets the race detector. Much of a
# test is waiting: more packages run side by side than there are cores.
racing=$(go list ./pkg/server/{jobs,password,ratelimit,serve} ./pkg/stackctl/{backup,cli,deploy,display,engine,evidence,gate,gate/...,host,image,redact} | sort -u)
mapfile -t alone < <(go list ./... | grep -vxF "$racing")
mapfile -t racing <<<"$racing"
# These compress, encrypt or match so much that the detector takes minutes.
heavy='^(TestOnlyTheChangedLayerTravels|TestHeadersServedCatches|TestComposeDeclaredCatches|TestItFindsWhatGitleaksFinds)$'
CGO_ENABLED=1 go test -race -p 3 -timeout 30m -skip "$heavy" "${racing[@]}"
go test -run "$heavy" ./pkg/stackctl/{engine,gate/headers,gate/compose,redact}
go test -p 3 -timeout 30m "${alone[@]}"
go test -tags e2e -count=1 -parallel 3 -timeout 60m ./test/e2e
for platform in linux darwin windows; do
	for arch in amd64 arm64; do
		echo "build stackctl for $platform/$arch"
		GOOS=$platform GOARCH=$arch scripts/build.sh stackctl /dev/null
	done
done

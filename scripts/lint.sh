#!/usr/bin/env bash
# Formatting, golangci-lint, shell scripts and the web app's linter.
set -euo pipefail
cd "$(dirname "$0")/.."

unformatted=$(git ls-files '*.go' | xargs gofmt -l)
if [ -n "$unformatted" ]; then
	printf 'gofmt would change:\n%s\n' "$unformatted" >&2
	exit 1
fi
# One core is enough for the web app.
(cd web && exec npm run --silent lint) &
web=$!
trap 'kill $web 2>/dev/null || true' EXIT
go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 run --timeout 15m ./...
shellcheck -x scripts/*.sh
wait $web
trap - EXIT

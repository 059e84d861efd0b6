#!/usr/bin/env bash
# Formatting, vet, shell scripts and the web app's linter.
set -euo pipefail
cd "$(dirname "$0")/.."

unformatted=$(git ls-files '*.go' | xargs gofmt -l)
if [ -n "$unformatted" ]; then
	printf 'gofmt would change:\n%s\n' "$unformatted" >&2
	exit 1
fi
go vet ./...
shellcheck -x scripts/*.sh
(cd web && npm run --silent lint)

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
go vet -tags e2e ./test/e2e
# golangci-lint wants more compile time than the whole test suite; staticcheck is its core.
go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...
shellcheck -x scripts/*.sh
(cd web && npm run --silent lint)

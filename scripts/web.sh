#!/usr/bin/env bash
# Builds the web app into web/dist, if anything that it is made of changed.
set -euo pipefail
cd "$(dirname "$0")/.."

mkdir -p build
lock=$(sha256sum web/package-lock.json | cut -d' ' -f1)
if [ "$(cat web/node_modules/.installed 2>/dev/null)" != "$lock" ]; then
	echo "web: npm ci"
	(cd web && npm ci --no-audit --no-fund --loglevel=error)
	echo "$lock" >web/node_modules/.installed
fi

inputs=$({
	find web pkg/contract -type f -not -path 'web/node_modules/*' -not -path 'web/dist/*' -not -name '*.go' -print0 | sort -z | xargs -0 sha256sum
	node --version
} | sha256sum | cut -d' ' -f1)
if [ -f web/dist/index.html ] && [ "$(cat build/web.inputs 2>/dev/null)" = "$inputs" ]; then
	echo "web: nothing changed"
	exit 0
fi
rm -f build/web.inputs
(cd web && npm run --silent build)
echo "$inputs" >build/web.inputs

#!/usr/bin/env bash
# Removes every trace of `make demo` from this machine but what it installed
# and what it keeps in caches to be quick: droplet, ACME server, their images,
# volumes and network, keys, secrets, backups and build output.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ -x build/stackctl ]; then
	build/stackctl sandbox down --all
elif [ -d .stackctl/sandbox ]; then
	go run ./cmd/stackctl sandbox down --all
fi
if [ -e build/demo-made-secrets ]; then
	rm -rf secrets # made by the demo; secrets that were there before it are yours
fi
kept=
if [ -e build/demo-made-backup-key ]; then
	rm -rf .stackctl/backup.key .stackctl/backups/sandbox # the droplet that they are of is gone
	rmdir .stackctl/backups 2>/dev/null || true
elif [ -e .stackctl/backup.key ]; then
	kept=", .stackctl/backup.key and .stackctl/backups/"
fi
rm -rf .stackctl/sandbox .stackctl/evidence.key .stackctl/evidence.key.pub build
rmdir .stackctl 2>/dev/null || true
echo "demo-down: removed. Kept: installed packages, ${XDG_CACHE_HOME:-$HOME/.cache}/stackctl/images, artifacts/$kept."

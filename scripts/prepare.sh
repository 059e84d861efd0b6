#!/usr/bin/env bash
# Installs what a machine lacks for a make target, after saying what and why:
#
#   scripts/prepare.sh images | demo | test
#
# Only Debian 12 as root is changed. Elsewhere it says what to install and
# exits with 2. With nothing missing it changes nothing, on any system.
set -euo pipefail
cd "$(dirname "$0")/.."

target=${1-}
case $target in
images | demo | test) ;;
*)
	echo "usage: scripts/prepare.sh images | demo | test" >&2
	exit 2
	;;
esac

say() { printf 'prepare: %s\n' "$*"; }

# need PROGRAM PACKAGE WHY notes a Debian package that must be installed.
missing=()
reasons=()
need() {
	PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null 2>&1 && return
	missing+=("$2")
	reasons+=("$2: $3")
}

# at_least HAVE WANT compares dotted versions.
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# The toolchains are the user's choice of source: they are asked for, not installed.
refused=0
toolchain() {
	local name=$1 have=$2 want=$3 where=$4
	if [ -z "$have" ]; then
		say "$name is missing; install $name $want or newer ($where)"
		refused=1
	elif ! at_least "$have" "$want"; then
		say "$name $have is too old; install $name $want or newer ($where)"
		refused=1
	fi
}
version_of() {
	if command -v "$1" >/dev/null 2>&1; then
		"$@" 2>/dev/null | grep -oE '[0-9]+(\.[0-9]+)+' | head -n 1 || true
	fi
}
toolchain Go "$(GOTOOLCHAIN=local version_of go version)" "$(awk '$1 == "go" { print $2 }' go.mod)" "https://go.dev/dl"
toolchain Node.js "$(version_of node --version)" 20.19 "https://nodejs.org"
toolchain git "$(version_of git --version)" 2.30 "apt-get install git"

need debootstrap debootstrap "makes the virtual droplet's Debian"
need dpkg-deb dpkg "unpacks Debian packages into images"
need tar tar "packs images"
if [ "$target" != images ]; then
	need dockerd docker.io "the Docker Engine that the virtual droplet runs on"
	need docker docker.io "the Docker Engine that the virtual droplet runs on"
	need iptables iptables "the Docker Engine's networks"
	need ip iproute2 "the droplet's network"
fi
if [ "$target" = test ]; then
	[ -n "$(compgen -G '/usr/lib/postgresql/*/bin/initdb')" ] || need initdb postgresql "tests run a real PostgreSQL"
	need redis-server redis-server "tests run a real Redis"
	need mariadbd mariadb-server "tests back up a real MariaDB"
	need sqlite3 sqlite3 "tests back up a database of SQLite that is written to"
	need curl curl "runs the commands of docs/api.md"
	need openssl openssl "checks a release's signature with the commands of docs/install.md"
	need sshd openssh-server "tests connect to a real SSH server"
	for shell in zsh fish tcsh; do
		need $shell $shell "tests log in to users of other shells"
	done
	need chromium chromium "browser tests"
	need shellcheck shellcheck "checks the shell scripts"
	need gcc gcc "the race detector"
	[ -e /usr/include/stdlib.h ] || need stdlib.h libc6-dev "the race detector"
fi

debian=no
if [ -r /etc/os-release ]; then
	# shellcheck source=/dev/null
	[ "$(. /etc/os-release && echo "${ID-}:${VERSION_ID-}")" = debian:12 ] && debian=yes
fi

if [ ${#missing[@]} -gt 0 ]; then
	mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
	if [ $debian = no ]; then
		say "this is not Debian 12; install the equivalents of these Debian packages, then run it again:"
		printf '  %s\n' "${reasons[@]}" | sort -u
		refused=1
	elif [ "$(id -u)" != 0 ]; then
		say "not root; run this as root, then run it again:"
		say "  apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
		printf '  %s\n' "${reasons[@]}" | sort -u
		refused=1
	fi
fi
[ $refused = 0 ] || exit 2

if [ ${#missing[@]} -gt 0 ]; then
	say "installing from Debian:"
	printf '  %s\n' "${reasons[@]}" | sort -u
	apt-get -q update >/dev/null
	log=$(mktemp)
	if ! DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends "${missing[@]}" >"$log" 2>&1; then
		tail -n 20 "$log" >&2
		say "apt-get could not install them; see above"
		exit 1
	fi
	rm -f "$log"
fi

[ "$target" = images ] && exit 0
exec scripts/prepare-engine.sh

#!/usr/bin/env bash
# The steps of action.yml:
#
#   scripts/action.sh build   compiles stackctl and puts it on the job's path
#   scripts/action.sh run     runs COMMAND, and tells where its evidence is
set -euo pipefail

build() {
	local dir=$RUNNER_TEMP/stackctl
	mkdir -p "$dir"
	"$(dirname "$0")/build.sh" stackctl "$dir/stackctl"
	echo "$dir" >>"$GITHUB_PATH"
}

# The key is in the agent alone, and the agent ends with this script.
login() {
	if [ -n "${SSH_KEY-}" ]; then
		eval "$(ssh-agent -s)" >/dev/null
		trap 'ssh-agent -k >/dev/null' EXIT
		ssh-add -q - <<<"$SSH_KEY"
	fi
	if [ -n "${KNOWN_HOSTS-}" ]; then
		install -m 700 -d ~/.ssh
		printf '%s\n' "$KNOWN_HOSTS" >>~/.ssh/known_hosts
	fi
	if [ -n "${AGE_KEY-}" ]; then
		export STACKCTL_AGE_KEY=$AGE_KEY
	fi
	unset SSH_KEY AGE_KEY
}

runs() { find artifacts -mindepth 1 -maxdepth 1 -type d 2>/dev/null | sort || true; }

run() {
	local words before evidence exit=0
	read -ra words <<<"$COMMAND"
	if [ -n "${TARGET-}" ]; then
		words+=(--target "$TARGET")
	fi
	login
	before=$(runs)
	stackctl "${words[@]}" || exit=$?
	evidence=$(comm -13 <(echo "$before") <(runs) | tail -n 1)
	if [ -n "$evidence" ]; then
		echo "evidence=$PWD/$evidence" >>"$GITHUB_OUTPUT"
		sed -n 's/^ *"verdict": "\([a-z-]*\)",\{0,1\}$/verdict=\1/p' "$evidence/report.json" | head -n 1 >>"$GITHUB_OUTPUT"
		cat "$evidence/report.md" >>"$GITHUB_STEP_SUMMARY"
	fi
	return "$exit"
}

case ${1-} in
build | run) "$1" ;;
*)
	echo "usage: scripts/action.sh build | run" >&2
	exit 2
	;;
esac

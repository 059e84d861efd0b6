#!/usr/bin/env bash
# From a checkout to a deployed, verified site: installs what the machine
# lacks, builds, starts the virtual droplet, provisions it and deploys to it.
# What is there already is kept, so a second run is quick. With `cluster` it is
# three droplets, and two of each service that serves visitors.
set -euo pipefail
cd "$(dirname "$0")/.."

nodes=() droplets="virtual droplet"
case ${1:-} in
'') ;;
cluster)
	nodes=(--nodes 3) droplets="three virtual droplets"
	export STACKCTL_COMPOSE_FILES=compose/stack.yaml,compose/cluster.yaml
	;;
*)
	echo "usage: scripts/demo.sh [cluster]" >&2
	exit 2
	;;
esac

begin=$SECONDS
part() {
	local name=$1 at=$SECONDS
	shift
	printf '\n== %s\n' "$name"
	"$@"
	printf -- '-- %s: %d s\n' "$name" $((SECONDS - at))
}

stackctl=build/stackctl
part "what this machine lacks" scripts/prepare.sh demo
part "web app" scripts/web.sh
part "stackctl" make --no-print-directory build
part "images" go run ./test/images
part "application image" go run ./test/images server
[ ${#nodes[@]} = 0 ] || part "image of the droplets" go run ./test/images droplet13
part "$droplets, with an ACME, a mail and an OpenID server" $stackctl sandbox up "${nodes[@]}"
[ -e secrets ] || touch build/demo-made-secrets
[ -e .stackctl/backup.key ] || touch build/demo-made-backup-key
part "secrets" $stackctl init --secrets
part "provision" $stackctl provision
# The run is signed, so that its evidence can be checked later.
export STACKCTL_EVIDENCE_KEY=$PWD/.stackctl/evidence.key
[ -e "$STACKCTL_EVIDENCE_KEY" ] || $stackctl evidence keygen "$STACKCTL_EVIDENCE_KEY"

printf '\n== deploy\n'
status=0
$stackctl deploy --all-tests || status=$?
printf '\nmake demo%s: %d s\n' "${1:+-$1}" $((SECONDS - begin))
if [ $status != 0 ]; then
	echo "The deploy ended with exit code $status; the report above says why and what to do."
	exit $status
fi
mails=$(sed -n 's/.*"mail": "\([^"]*\)".*/\1/p' .stackctl/sandbox/state.json)
port=$(sed -n 's/.*"https_port": \([0-9]*\).*/\1/p' .stackctl/sandbox/state.json)
[ "$port" = 443 ] && site=https://stack.localhost/ || site=https://stack.localhost:$port/
run=$(find artifacts -maxdepth 1 -name "*-deploy-*" | sort | tail -n 1)
cat <<SITE
Site:         $site (certificates are signed by .stackctl/sandbox/acme-roots.pem)
Mails:        $mails/ or $stackctl sandbox mail; "Continue with Google" leads to a local stand-in
Evidence:     $stackctl evidence verify $run --key .stackctl/evidence.key.pub
Look around:  $stackctl status, $stackctl sandbox ssh
Clean up:     make demo-down
SITE
[ ${#nodes[@]} = 0 ] || echo "Again:        STACKCTL_COMPOSE_FILES=$STACKCTL_COMPOSE_FILES $stackctl deploy"

#!/usr/bin/env bash
# Compiles a program as it is shipped. The flags are here and nowhere else, so
# that what is tested and measured is what runs:
#
#   scripts/build.sh stackctl | server FILE [ARGUMENT of go build]...
#
# GOOS and GOARCH are heeded. COMMIT and BUILT are what the server tells of
# itself. STACKCTL_VERSION is what stackctl says that it is, else what git tells;
# STACKCTL_RELEASES is where it looks for a newer release when it is asked to.
# The same commit makes the same program, byte for byte.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ $# -lt 2 ]; then
	echo "usage: scripts/build.sh stackctl | server FILE [ARGUMENT of go build]..." >&2
	exit 2
fi
program=$1
file=$2
shift 2
case $program in
stackctl)
	# Nothing here serves the tracing pages of a library that has them.
	tags=grpcnotrace
	version=${STACKCTL_VERSION:-$(git describe --tags --always --dirty 2>/dev/null || echo dev)}
	told="-X stackctl/pkg/stackctl/cli.Version=$version -X stackctl/pkg/stackctl/cli.Releases=${STACKCTL_RELEASES-}"
	# What these libraries do waits for an Engine, a terminal or a mail server, or reads one document: copies of
	# their functions in each caller would be 2.1 MB of the 45 that SPEC F5 allows. So it is with the packages of our own that are named.
	small=()
	for library in github.com/DefangLabs github.com/charmbracelet github.com/compose-spec github.com/containerd github.com/docker github.com/getkin github.com/google github.com/grpc-ecosystem github.com/in-toto github.com/moby github.com/oasdiff \
		github.com/pelletier github.com/rs github.com/santhosh-tekuri github.com/sirupsen github.com/spf13 github.com/theory github.com/tonistiigi github.com/wneessen go.opentelemetry.io go.yaml.in google.golang.org gopkg.in \
		stackctl/pkg/stackctl/{backup,build,cli,cloud,config,deploy,digitalocean,display,edge,engine,evidence,gate,gates,harden,host,infer,node,notice,openapi,openssh,operate,outbound,provision,release,report,sandbox,secret,swarm,traefik,update}; do
		small+=("-gcflags=$library/...=-l")
	done
	;;
server)
	# No contract here speaks MessagePack.
	tags=nomsgpack
	small=()
	told="-X stackctl/pkg/server/role.commit=${COMMIT-} -X stackctl/pkg/server/role.built=${BUILT-}"
	;;
*)
	echo "scripts/build.sh: there is no program $program" >&2
	exit 2
	;;
esac
CGO_ENABLED=0 exec go build -tags "$tags" -trimpath -buildvcs=false -ldflags "-s -w $told" "${small[@]}" -o "$file" "$@" "./cmd/$program"

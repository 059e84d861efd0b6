#!/usr/bin/env bash
# What walks for long, after `make test` has passed: hours. Every part runs,
# whatever became of the ones before; a table tells how each ended. Arguments
# choose parts by name:
#
#   scripts/full.sh [race | mutants | harmless | projects | faults | cluster | newest | load | platforms | reproducible | packages | alerts | windows]...
set -uo pipefail
cd "$(dirname "$0")/.." || exit

parts=(race mutants harmless projects faults cluster newest load platforms reproducible packages alerts windows)
for name in "$@"; do
	if [[ " ${parts[*]} " != *" $name "* ]]; then
		echo "usage: scripts/full.sh [$(IFS='|' && echo "${parts[*]}")]..." >&2
		exit 2
	fi
done
[ $# = 0 ] || parts=("$@")

e2e() { FAULTS=${FAULTS:-full} go test -vet=off -tags e2e -count=1 -v -timeout 6h -run "$1" ./test/e2e; }

platforms() {
	local os arch
	for os in linux darwin windows; do
		for arch in amd64 arm64; do
			echo "stackctl for $os/$arch"
			GOOS=$os GOARCH=$arch scripts/build.sh stackctl /dev/null || return
		done
	done
}

# Two folders of different depth, the same commit: the same bytes.
reproducible() {
	local dir sums
	dir=$(mktemp -d) || return
	for at in one two/deeper; do
		mkdir -p "$dir/$at" && git archive HEAD | tar -x -C "$dir/$at" && "$dir/$at/scripts/build.sh" stackctl "$dir/$at/stackctl" || return
	done
	sums=$(sha256sum "$dir/one/stackctl" "$dir/two/deeper/stackctl" | tee /dev/stderr | cut -d' ' -f1 | sort -u | wc -l)
	rm -rf "$dir"
	[ "$sums" = 1 ]
}

# Servers with an Engine that Debian has not yet, compiled from its module.
newest() {
	apt-get install -y --no-install-recommends libseccomp-dev pkg-config || return
	go run ./test/images newest droplet13 projects twelve || return
	E2E_ENGINE=newest e2e '^(TestNoRequestIsLost|TestABackupIsTaken|TestProject|TestATeamsProject|TestTwoProjects|TestAReleaseRunsOnThreeServers|TestAServiceThatIsNotWanted)'
}

# rpm itself installs, checks and removes what is released; dpkg does in `make test`.
packages() {
	apt-get install -y --no-install-recommends rpm || return
	PACKAGES=1 go test -count=1 -v -run '^TestThe(Deb|RPM|Alpine)' ./scripts/release
}

# Prometheus's own tool, which takes minutes to compile.
alerts() {
	local tool=github.com/prometheus/prometheus/cmd/promtool@v0.316.0
	go run $tool check rules compose/monitoring/alerts.yml && go run $tool test rules compose/monitoring/alerts_test.yml
}

# The program for Windows, under Wine. Debian's Wine lacks a library that every Go
# program asks for random numbers.
windows() {
	local dir=$PWD/build/wine
	apt-get install -y --no-install-recommends wine wine64 gcc-mingw-w64-x86-64 && mkdir -p "$dir" || return
	export WINEPREFIX=$dir/prefix WINEDEBUG=-all WINEDLLOVERRIDES='mscoree,mshtml=' WINDOWS_STACKCTL=$dir/stackctl.exe
	wineboot --init && x86_64-w64-mingw32-gcc -shared -o "$WINEPREFIX/drive_c/windows/system32/bcryptprimitives.dll" -x c - -ladvapi32 <<-'C' || return
		#include <windows.h>
		BOOLEAN NTAPI SystemFunction036(PVOID buffer, ULONG length);
		__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T length) { return SystemFunction036(data, (ULONG)length); }
	C
	GOOS=windows GOARCH=amd64 scripts/build.sh stackctl "$WINDOWS_STACKCTL" && e2e '^TestAProjectIsDeployedFromWindows$'
}

run() {
	case $1 in
	# Every package, whatever it shares and however long it takes.
	race) CGO_ENABLED=1 go test -race -vet=off -p 2 -timeout 2h ./... ;;
	# Every break of the files and of what runs.
	mutants) go run ./test/mutants ;;
	# Unusual projects that are good, deployed.
	harmless) go run ./test/mutants -harmless ;;
	# Twelve projects that know nothing of stackctl, from their compose files.
	projects) go run ./test/images projects twelve && e2e '^(TestProject|TestATeamsProject|TestTwoProjects|TestNewNames)' ;;
	# Every fault at the beginning and towards the end of every step. It goes on
	# where it was when it is run again; without build/faults.log it begins anew.
	faults) go run ./test/images droplet13 && FAULTS_LOG=$PWD/build/faults.log e2e '^(TestEveryFault|TestAFullDisk|TestOddServers|TestProvisioning|TestAClusterSurvives)' ;;
	# Three servers and what happens to them; of the faults in a deploy a sample.
	cluster) go run ./test/images droplet13 && FAULTS=1 e2e '^(TestThreeServers|TestAReleaseRunsOn|TestTwoProjectsShareACluster|TestOneServerBecomes|TestAClusterSurvives|TestAClustersNetworks|TestEveryEdgeRenews)' ;;
	# The newest Docker Engine, with containerd's image store.
	newest) newest ;;
	# 200 requests a second across every kind of change, on one server and on several, and to a server that is starved.
	load) go run ./test/images droplet13 && e2e '^(TestNoRequestIsLost|TestAnOverloadedSite|TestAClusterLosesNoRequest)' ;;
	platforms) platforms ;;
	reproducible) reproducible ;;
	# The packages, by those who read them.
	packages) packages ;;
	# When each alert fires, and when it does not.
	alerts) alerts ;;
	# A project of one's own from Windows: init to Ctrl-C.
	windows) windows ;;
	esac
}

mkdir -p build/full
scripts/prepare.sh test && scripts/web.sh && make --no-print-directory build && go run ./test/images && go run ./test/images server || exit 1
table=("| part | seconds | load average | outcome |" "|---|---|---|---|")
bad=0
for name in "${parts[@]}"; do
	echo "$name: its output is in build/full/$name.log"
	began=$SECONDS outcome=good
	run "$name" >"build/full/$name.log" 2>&1 || outcome=failed
	if [ $outcome = failed ]; then
		bad=1
		tail -n 30 "build/full/$name.log"
	fi
	table+=("| $name | $((SECONDS - began)) | $(cut -d' ' -f1-3 /proc/loadavg) | $outcome |")
done
printf '%s\n' "" "${table[@]}" | tee build/full/table.md
exit $bad

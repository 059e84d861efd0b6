# shellcheck shell=bash
# How Go is called by the scripts that test, sourced by them. With the flags of
# scripts/build.sh a package is compiled once for programs, tests and linters.
GOTAGS=grpcnotrace,nomsgpack
export GOFLAGS="${GOFLAGS-} -trimpath -buildvcs=false -tags=$GOTAGS" CGO_ENABLED=0

# These compress, encrypt or match so much that the race detector takes minutes.
heavy='TestOnlyTheChangedLayerTravels|TestHeadersServedCatches|TestComposeDeclaredCatches|TestItFindsWhatGitleaksFinds'
export GOTAGS heavy

# holding lists the packages with a test of the given names.
holding() {
	git grep -lE "^func ($1)\(" -- '*_test.go' | xargs -n 1 dirname | sort -u | sed 's,^,./,'
}

# racing lists the packages in which goroutines meet: those of the deployer whose
# code or tests start some, and of the application those that share memory. What
# else the application shares is in its stores, and its tests hash passwords.
racing() {
	local starts='(^|[[:space:]])go (func|[[:alnum:]_.]+\()|\.Go\(|errgroup\.'
	{
		git grep -lE "$starts" -- 'pkg/stackctl/*.go' ':!*/testdata/*'
		printf 'pkg/server/%s/x\n' jobs password ratelimit serve
	} | xargs -n 1 dirname | sort -u | sed 's,^,./,'
}

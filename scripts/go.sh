# shellcheck shell=bash
# Which packages are tested how, sourced by the scripts that test.

# tested runs tests: how they are shown, their packages, flags of go test. A test
# that fails is run once more, whole: of some thousand one may miss a deadline
# where two cores have other work. Which ones is told at the end (repeated), to
# be mended. Nothing is run again after a data race, a panic or a fourth failure.
tested() {
	local format=$1 packages=$2
	shift 2
	go run gotest.tools/gotestsum@v1.13.0 --format "$format" --packages "$packages" \
		--rerun-fails=1 --rerun-fails-max-failures=3 --rerun-fails-run-root-test --rerun-fails-abort-on-data-race \
		--rerun-fails-report "$(mktemp build/repeated.XXXXXX)" -- -vet=off "$@"
}

# repeated tells which tests needed another run.
repeated() {
	local all
	all=$(cat build/repeated.*)
	rm -f build/repeated.*
	[ -z "$all" ] || printf '\nNot at the first try, which is a fault to be mended:\n%s\n' "$all"
}

# They match so much that the race detector takes minutes.
heavy='TestItFindsWhatGitleaksFinds(InFiles)?'
export heavy

# racing lists the packages in which goroutines meet and whose tests are small:
# of the application those that share memory (what else it shares is in its
# stores, and its tests hash passwords), of the deployer those that start some.
# What talks to an engine, to databases or to many ports for minutes races in
# make full, with everything else.
racing() {
	printf 'stackctl/pkg/server/%s\n' jobs password ratelimit serve
	printf 'stackctl/pkg/stackctl/%s\n' cli deploy display evidence gate gate/auth gate/declared host image node redact
}

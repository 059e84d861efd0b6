# shellcheck shell=bash
# Which packages are tested how, sourced by the scripts that test.

# It matches so much that the race detector takes minutes.
heavy=TestItFindsWhatGitleaksFinds
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

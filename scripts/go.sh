# shellcheck shell=bash
# Which packages are tested how, sourced by the scripts that test.

# These compress, encrypt or match so much that the race detector takes minutes.
heavy='TestOnlyTheChangedLayerTravels|TestHeadersServedCatches|TestComposeDeclaredCatches|TestItFindsWhatGitleaksFinds'
export heavy

# racing lists the packages in which goroutines meet: those of the deployer whose
# code or tests start some, and of the application those that share memory. What
# else the application shares is in its stores, and its tests hash passwords.
racing() {
	local starts='(^|[[:space:]])go (func|[[:alnum:]_.]+\()|\.Go\(|errgroup\.|AfterFunc\('
	{
		git grep -lE "$starts" -- 'pkg/stackctl/*.go' ':!*/testdata/*'
		printf 'pkg/server/%s/x\n' jobs password ratelimit serve
	} | xargs -n 1 dirname | sort -u | sed 's,^,./,'
}

# heavies lists those of them with a heavy test.
heavies() {
	racing | grep -xFf <(git grep -lE "^func ($heavy)\(" -- '*_test.go' | xargs -n 1 dirname | sort -u | sed 's,^,./,')
}

# The two that matter: `make demo` deploys the whole stack to a virtual droplet
# on this machine (`make demo-cluster` to three), `make test` runs every test of a change.
.PHONY: demo demo-cluster demo-down test full faults mutants images image web build lint release

demo: ; @scripts/demo.sh
demo-cluster: ; @scripts/demo.sh cluster
demo-down: ; @scripts/demo-down.sh
test: ; @scripts/test.sh
# What walks for long: every fault at every step of a deploy, every break of what runs, all of the load, every platform.
# It takes hours and prints a table; docs/local-dev.md lists its parts.
full: ; @scripts/full.sh
faults: ; @scripts/full.sh faults load
lint: ; @scripts/lint.sh
web: ; @scripts/web.sh
build: ; @scripts/build.sh stackctl build/stackctl
images: ; @scripts/prepare.sh images && go run ./test/images && go run ./test/images projects
image: web ; @go run ./test/images server
mutants: build ; @go run ./test/mutants
# docs/install.md tells the variables.
release: ; @go run ./scripts/release -version "$(VERSION)" -key "$(KEY)" -url "$(URL)" -releases "$(RELEASES)" -notes "$(NOTES)" -out "$(or $(OUT),dist)" \
	$(if $(MAINTAINER),-maintainer "$(MAINTAINER)") $(if $(PLATFORMS),-platforms "$(PLATFORMS)")

# The two that matter: `make demo` deploys the whole stack to a virtual droplet
# on this machine, `make test` runs every test.
.PHONY: demo demo-down test faults mutants images image web build lint

demo: ; @scripts/demo.sh
demo-down: ; @scripts/demo-down.sh
test: ; @scripts/test.sh
# Every fault at every step of a deploy, then 200 requests a second across every change. It takes hours, and goes on
# where it was when it is run again; without build/faults.log it begins anew.
faults: build ; @FAULTS=full FAULTS_LOG=$(CURDIR)/build/faults.log go test -tags e2e -count=1 -v -timeout 6h -run 'TestEveryFault|TestAFullDisk|TestNoRequestIsLost' ./test/e2e
lint: ; @scripts/lint.sh
web: ; @scripts/web.sh
build: ; @scripts/build.sh stackctl build/stackctl
images: ; @scripts/prepare.sh images && go run ./test/images
image: web ; @go run ./test/images server
mutants: build ; @go run ./test/mutants

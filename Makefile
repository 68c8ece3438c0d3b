# Two commands do everything: `make demo` and `make test`. `make help` lists the rest.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# A KUBECONFIG counts only if it is given on purpose: `make demo KUBECONFIG=...`.
ifneq ($(origin KUBECONFIG),command line)
unexport KUBECONFIG
endif

HOST := $(shell rustc -vV | sed -n 's/^host: //p')
RELEASE := target/$(HOST)/release
TOOLS := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/rollout-plus/tools
DENY_VERSION := 0.20.2
# Tests of the control plane run on each of these; the walks, which take minutes, on some: `make test WALKED="1.34 1.37"`.
VERSIONS := 1.36 1.34 1.37
WALKED := 1.36
CLUSTER := testbed/cluster
DATA_PLANES := contour traefik istio
# Of routers that no data plane here serves.
CRDS := gateway-api smi linkerd apisix consul
# Two tests make full load at a time, and one of the other four, which have little, runs beside them.
ROUTES := cargo test --locked --features cluster-tests --test routes -- --nocapture --test-threads=6

# The image as the Dockerfile's final stage has it, and a version of the shop that crashes.
define IMAGE_TEST
	$(CLUSTER) image test-node shop/web:broken $(RELEASE)/examples/shop broken EXIT_AFTER=0
	$(CLUSTER) image-of test-node rollout-plus/step:tested Dockerfile build:/src=. VERSION=tested REVISION=tested \
		CREATED=1970-01-01T00:00:00Z SOURCE=tested
	$(CLUSTER) exec test-node -- cargo test --locked --features cluster-tests --test image -- --nocapture
endef

.PHONY: help
help:
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 20

.PHONY: demo
demo: ## run the main job on a throw-away real cluster (or on yours: KUBECONFIG=...)
	demo/run

.PHONY: demo-down
demo-down: ## remove the demo's cluster
	demo/down

.PHONY: build
build: ## the static release binary
	RUSTFLAGS='-C target-feature=+crt-static' cargo build --release --locked --target $(HOST)
	@ls -l $(RELEASE)/kubectl-rollout_plus

.PHONY: image-root
image-root: build ## the files of the container image, as the Dockerfile takes them
	rm -rf target/image
	install -d target/image/etc/ssl/certs
	install -d -m 1777 target/image/tmp
	install $(RELEASE)/kubectl-rollout_plus target/image/
	install -m 644 /etc/ssl/certs/ca-certificates.crt target/image/etc/ssl/certs/

.PHONY: check
check: format lint unit engine ## the quick check: under a minute when everything is built

.PHONY: test
test: format lint doc deny unit engine cluster-tests node-tests ## everything that CI runs

.PHONY: bench
bench: ## wall time, memory and size beside kubectl's, in one run, and the time until a share is in force (root)
	bench/run
	$(MAKE) --no-print-directory bench-routes

.PHONY: bench-routes
bench-routes: test-node ## how soon each router splits the traffic as asked, beside a patch by kubectl (root)
	cargo bench --no-run --locked --features cluster-tests --bench routes
	$(CLUSTER) data-plane test-node $(DATA_PLANES)
	$(CLUSTER) exec test-node -- cargo bench --locked --features cluster-tests --bench routes
	$(CLUSTER) down test-node

.PHONY: bench-scale
bench-scale: ## status -A of 2,000 Deployments beside kubectl get (takes minutes: it makes 10,000 pods)
	bench/scale

.PHONY: format
format:
	cargo fmt --check

.PHONY: lint
lint:
	cargo clippy --all-targets --all-features --locked -- -D warnings

.PHONY: doc
doc:
	RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --locked --document-private-items

.PHONY: deny
deny: $(TOOLS)/bin/cargo-deny-$(DENY_VERSION)
	$< check bans licenses sources

$(TOOLS)/bin/cargo-deny-$(DENY_VERSION):
	cargo install cargo-deny --version $(DENY_VERSION) --locked --debug --root $(TOOLS)
	mv $(TOOLS)/bin/cargo-deny $@

.PHONY: unit
unit:
	cargo test --locked --lib --bins --test layers --test health --test packaging --test support_works

# The engine against a real API server: the quick half of the cluster tests.
.PHONY: engine
engine:
	$(CLUSTER) up engine --version 1.36 --pods kwok
	$(CLUSTER) exec engine -- cargo test --locked --features cluster-tests --test situations -- start_raise a_dry_run the_same_version bad_input
	$(CLUSTER) down engine

# Side by side: most of the time is spent waiting for pods and Leases. The long ones, the walks on one side, the 200 rollouts
# of status and the schemas of routers on the other, are on different clusters. Built first, or each would try to.
.PHONY: cluster-tests
cluster-tests:
	$(CLUSTER) build --all --data-planes
	cargo test --locked --features cluster-tests --no-run
	$(MAKE) --no-print-directory -j$(words $(VERSIONS)) $(VERSIONS:%=cluster-test-%)
	$(MAKE) --no-print-directory walk-blue-green
	$(MAKE) --no-print-directory walk-routed

cluster-test-%:
	$(CLUSTER) up test-$(subst .,-,$*) --version $* --pods kwok
	$(CLUSTER) exec test-$(subst .,-,$*) -- cargo test --locked --features cluster-tests --test situations --test rollouts --test preflight --test apply --test step --test examples --test bootstrap
	$(CLUSTER) exec test-$(subst .,-,$*) -- cargo test --locked --features cluster-tests --test restart
	$(CLUSTER) exec test-$(subst .,-,$*) -- cargo test --locked --features cluster-tests --test $(if $(filter $*,$(WALKED)),walks,status)
	$(if $(filter $*,$(WALKED)),,$(CLUSTER) crds test-$(subst .,-,$*) $(CRDS))
	$(if $(filter $*,$(WALKED)),,$(CLUSTER) exec test-$(subst .,-,$*) -- cargo test --locked --features cluster-tests --test schemas)
	$(CLUSTER) down test-$(subst .,-,$*)

# These keep a whole machine busy: alone.
.PHONY: walk-blue-green
walk-blue-green: ## blue-green killed at every write
	$(CLUSTER) up walk-blue-green --version 1.34 --pods kwok
	$(CLUSTER) exec walk-blue-green -- cargo test --locked --features cluster-tests --test blue_green_walks
	$(CLUSTER) down walk-blue-green

.PHONY: walk-routed
walk-routed: ## a canary whose traffic a router splits, killed at every write
	$(CLUSTER) up walk-routed --version 1.37 --pods kwok
	$(CLUSTER) crds walk-routed gateway-api
	$(CLUSTER) exec walk-routed -- cargo test --locked --features cluster-tests --test walks_routed
	$(CLUSTER) down walk-routed

# On one node, one after the other: all measure.
.PHONY: node-tests
node-tests: test-node image-root
	$(CLUSTER) exec test-node -- cargo test --locked --features cluster-tests --test traffic -- --nocapture
	$(CLUSTER) exec test-node -- cargo test --locked --features cluster-tests --test failures -- --nocapture
	$(IMAGE_TEST)
	$(CLUSTER) data-plane test-node $(DATA_PLANES)
	$(CLUSTER) exec test-node -- cargo test --locked --features cluster-tests --test blue_green -- --nocapture
	$(CLUSTER) exec test-node -- $(ROUTES)
	$(CLUSTER) down test-node

.PHONY: traffic
traffic: test-node ## no request is lost (root)
	$(CLUSTER) exec test-node -- cargo test --locked --features cluster-tests --test traffic -- --nocapture
	$(CLUSTER) down test-node

.PHONY: routes
routes: test-node ## routers split the traffic as asked, and no request is lost (root)
	$(CLUSTER) data-plane test-node $(DATA_PLANES)
	$(CLUSTER) exec test-node -- $(ROUTES)
	$(CLUSTER) down test-node

.PHONY: failures
failures: test-node ## bad versions on a real node: each is named and undone, and nothing else is (root)
	$(CLUSTER) exec test-node -- cargo test --locked --features cluster-tests --test failures -- --nocapture
	$(CLUSTER) down test-node

.PHONY: image-test
image-test: test-node image-root ## the image of the Dockerfile deploys the shop from a pod (root)
	$(IMAGE_TEST)
	$(CLUSTER) down test-node

# A real node with two versions of the shop.
.PHONY: test-node
test-node:
	@[[ $$(id -u) == 0 ]] || { echo "a real node needs root: sudo make $(MAKECMDGOALS)" >&2; exit 1; }
	RUSTFLAGS='-C target-feature=+crt-static' cargo build --release --locked --example shop --target $(HOST)
	$(CLUSTER) up test-node --version 1.36 --pods node
	$(CLUSTER) image test-node shop/web:v1 $(RELEASE)/examples/shop v1
	$(CLUSTER) image test-node shop/web:v2 $(RELEASE)/examples/shop v2

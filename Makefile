# Two commands do everything: `make demo` and `make test`. `make help` lists the rest.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# A KUBECONFIG counts only if it is given on purpose: `make demo KUBECONFIG=...`.
ifneq ($(origin KUBECONFIG),command line)
unexport KUBECONFIG
endif

HOST := $(shell rustc -vV | sed -n 's/^host: //p')
# `make test` builds what runs in an image as the demo does: the linker's own optimization takes minutes on one core.
BUILD_PROFILE ?= release
RELEASE = target/$(HOST)/$(BUILD_PROFILE)
TOOLS := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/rollout-plus/tools
DENY_VERSION := 0.20.2
# `make test` runs on the first; `make test-all` on each.
VERSIONS := 1.36 1.34 1.37
VERSION := $(firstword $(VERSIONS))
# Of the walks, which kill or fault a run at each of its requests, `make test` takes every n-th point, others each day.
WALK_EVERY := 12
# So many scenarios are played in the simulator, so many in which others act meanwhile, so many with routes, so many that
# metrics judge, and so many with faults that are made on purpose.
SEEDS := 5000
CROWDS := 1000
ROUTED := 1000
JUDGED := 300
CHAOS := 300
# A defect that is put back is found within so many.
MUTANT_SEEDS := 20000
SIM := --profile sim --locked --package sim
CLUSTER := testbed/cluster
DATA_PLANES := contour traefik istio prometheus
# Of routers that no data plane here serves.
CRDS := gateway-api smi linkerd apisix consul
PRODUCT := --package rollout-plus --package rollout-plus-core
TESTS := cargo test --locked --features cluster-tests

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
	RUSTFLAGS='-C target-feature=+crt-static' cargo build --profile $(BUILD_PROFILE) --locked --target $(HOST)
	@ls -l $(RELEASE)/kubectl-rollout_plus

.PHONY: shop
shop:
	RUSTFLAGS='-C target-feature=+crt-static' cargo build --profile $(BUILD_PROFILE) --locked --package shop --target $(HOST)

.PHONY: image-root
image-root: build ## the files of the container image, as the Dockerfile takes them
	rm -rf target/image
	install -d target/image/etc/ssl/certs
	install -d -m 1777 target/image/tmp
	install $(RELEASE)/kubectl-rollout_plus target/image/
	install -m 644 /etc/ssl/certs/ca-certificates.crt target/image/etc/ssl/certs/

.PHONY: check
check: ## the quick check: under a minute when everything is built
	@tests/parts format lint+unit sim-quick

.PHONY: test
test: export BUILD_PROFILE := demo
test: ## everything that CI runs: one Kubernetes version, a sample of the walks, a real node (root)
	@tests/parts builds format lint+unit doc sim control-plane node

.PHONY: test-all
test-all: ## all there is: every version, whole walks, all data planes, licences, benchmarks (hours, root)
	@tests/parts builds format lint+unit doc deny fuzz claims conditions exposition chaostoolkit soak mutants $(VERSIONS:%=control-plane-%) node data-planes bench

.PHONY: fuzz
fuzz: ## ten million texts of metrics are read or refused
	cargo test --profile sim --locked $(PRODUCT) --lib -- --ignored exposition::

.PHONY: claims
claims: ## what metrics are said to tell holds on drawn traffic; the tables of docs/analysis-statistics.md
	bench/analysis

.PHONY: conditions
conditions: ## conditions of analysis files hold where Argo's own evaluator says so
	testbed/argo-evaluate/compare

.PHONY: exposition
exposition: ## texts of metrics say what they say to Prometheus: recorded ones, and 1,000 that are drawn
	testbed/prometheus-read/compare

.PHONY: chaostoolkit
chaostoolkit: test-node build ## the same experiments by Chaos Toolkit and by us, and their journals compared (root)
	chaos=$$(testbed/chaostoolkit/install); $(CLUSTER) exec test-node -- testbed/chaostoolkit/compare $(RELEASE)/kubectl-rollout_plus $$chaos
	$(CLUSTER) down test-node

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

.PHONY: bench-analysis
bench-analysis: ## requests, bytes and memory of an hour of --analyze: the table of docs/analysis-statistics.md
	bench/analysis-cost

.PHONY: bench-scale
bench-scale: ## status -A of 2,000 Deployments beside kubectl get (takes minutes: it makes 10,000 pods)
	bench/scale

.PHONY: bench-follow
bench-follow: ## what following costs per pod, beside kubectl (takes minutes: rollouts of up to 3,000 pods)
	bench/follow

.PHONY: format
format:
	cargo fmt --check

.PHONY: lint
lint:
	cargo clippy --workspace --all-targets --all-features --locked -- -D warnings

.PHONY: doc
doc:
	RUSTDOCFLAGS='-D warnings' cargo doc $(PRODUCT) --no-deps --locked --document-private-items

.PHONY: deny
deny: $(TOOLS)/bin/cargo-deny-$(DENY_VERSION)
	$< check bans licenses sources

$(TOOLS)/bin/cargo-deny-$(DENY_VERSION):
	cargo install cargo-deny --version $(DENY_VERSION) --locked --debug --root $(TOOLS)
	mv $(TOOLS)/bin/cargo-deny $@

.PHONY: unit
unit:
	$(TESTS) $(PRODUCT) --lib --bins --test layers --test forgotten --test health --test packaging --test support_works

.PHONY: sim
sim: ## the verbs in a simulated cluster, from seeds: with faults, kills, and others who act (SEEDS=5000 CROWDS=1000 ROUTED=1000 JUDGED=300 CHAOS=300)
	cargo test $(SIM)
	cargo run $(SIM) -- --seeds $(SEEDS)
	cargo run $(SIM) -- --crowd --seeds $(CROWDS)
	cargo run $(SIM) -- --routed --seeds $(ROUTED)
	cargo run $(SIM) -- --judged --seeds $(JUDGED)
	cargo run $(SIM) -- --chaos --seeds $(CHAOS)

.PHONY: sim-quick
sim-quick:
	cargo run $(SIM) -- --seeds 2000

.PHONY: soak
soak: ## the same with many seeds
	$(MAKE) --no-print-directory sim SEEDS=20000 CROWDS=5000 ROUTED=5000 JUDGED=3000 CHAOS=5000

.PHONY: mutants
mutants: ## puts known defects back one by one, and expects the simulator to find each (MUTANT_SEEDS=20000)
	sim/mutants/run $(MUTANT_SEEDS)

# Each has an end in which it computes on one core alone.
.PHONY: builds
builds:
	@$(MAKE) --no-print-directory -j4 build-cluster build-tests build-programs build-sim

.PHONY: build-cluster
build-cluster:
	$(CLUSTER) build --version $(VERSION) --node

.PHONY: build-tests
build-tests:
	$(TESTS) $(PRODUCT) --no-run

.PHONY: build-programs
build-programs: image-root shop

.PHONY: build-sim
build-sim:
	cargo test $(SIM) --no-run
	cargo build $(SIM)

.PHONY: control-plane
control-plane: ## the tool on a real control plane with fake pods, with a sample of the walks
	@$(MAKE) --no-print-directory control-plane-$(VERSION) WALK="WALK_EVERY=$(WALK_EVERY)"

# Its tests wait more than they compute, so more of them run at a time than there are cores.
control-plane-%:
	$(CLUSTER) up test-$(subst .,-,$*) --version $* --pods kwok
	$(CLUSTER) crds test-$(subst .,-,$*) $(CRDS)
	$(CLUSTER) exec test-$(subst .,-,$*) -- env $(WALK) $(TESTS) --test control_plane -- --test-threads=4
	$(CLUSTER) down test-$(subst .,-,$*)

# Those that measure what a verdict costs, or make full load, leave room: two with load at most, and three in all.
.PHONY: node
node: test-node image-root ## the tool on a real node: no request is lost, bad versions are named and undone, the image deploys (root)
	$(CLUSTER) image test-node shop/web:broken $(RELEASE)/shop broken EXIT_AFTER=0
	$(CLUSTER) image-of test-node rollout-plus/step:tested Dockerfile build:/src=. VERSION=tested REVISION=tested \
		CREATED=1970-01-01T00:00:00Z SOURCE=tested
	$(CLUSTER) exec test-node -- $(TESTS) --test node -- --nocapture --test-threads=3
	$(CLUSTER) down test-node

# Two tests make full load at a time, and one of the other four, which have little, runs beside them.
.PHONY: data-planes
data-planes: test-node ## routers split the traffic as asked, and no request is lost (root)
	$(CLUSTER) data-plane test-node $(DATA_PLANES)
	$(CLUSTER) exec test-node -- $(TESTS) --test data_planes -- --nocapture --test-threads=6
	$(CLUSTER) down test-node

# A real node with two versions of the shop.
.PHONY: test-node
test-node: shop
	@[[ $$(id -u) == 0 ]] || { echo "a real node needs root: sudo make $(MAKECMDGOALS)" >&2; exit 1; }
	$(CLUSTER) up test-node --version 1.36 --pods node
	$(CLUSTER) image test-node shop/web:v1 $(RELEASE)/shop v1
	$(CLUSTER) image test-node shop/web:v2 $(RELEASE)/shop v2

# The commands for people; `make` alone lists them.
STACK ?= dev
SANDBOX ?= default
PYTHON ?= python3
up preview dev env sandbox-up: export PODS := $(or $(PODS),real)
export STACK SANDBOX OUT FROM SERVICE POLICY POLICY_CONFIG ME V

venv := venv/bin
run := $(venv)/python -m
istio-1.0 := ../shared/istio/1.0.5

.DEFAULT_GOAL := help
.PHONY: help up preview destroy dev dev-rm render tables timeline report sidecar-diff verify topology release policy programs test unit \
        check traffic bench faults sandbox-up sandbox-down sandbox-status sandbox-logs env lock sbom audit docs

help: ## List these commands
	@sed -n 's/\$$\$$/$$/; s/^\([a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 23
	@echo "  Options and defaults: STACK=dev, SANDBOX=default, ME=<your user name>; POLICY=policy checks rules; PODS=fake starts no pods' processes;"
	@echo "  V=1 shows Pulumi's output."

up: venv/ready ## Get missing programs, deploy the stack, show its services, its pods and its page's URL
	@$(run) meshctl up

preview: venv/ready ## Show what `up` would change
	@$(run) meshctl preview

destroy: venv/ready ## Delete everything that the stack deployed, except CRDs
	@$(run) meshctl destroy

dev: venv/ready ## Deploy your own Bookinfo on a shared platform (docs/stacks.md)
	@$(run) meshctl dev

dev-rm: venv/ready ## Delete your own Bookinfo, its stack and its config file
	@$(run) meshctl dev-rm

render: venv/ready ## Write the YAML that `up` would apply to OUT=FOLDER, without a cluster
	@$(run) meshctl render $(or $(OUT),$(error name a folder: make render OUT=FOLDER))

tables: venv/ready ## Show the stack's services and pods
	@$(run) meshctl tables

timeline: venv/ready ## Show what the last `up` or `destroy` took its time for; OUT=FILE.svg draws it
	@$(run) meshctl timeline $(if $(OUT),--out "$(OUT)")

report: venv/ready ## Write one HTML page about the running mesh to OUT=FILE, report.html by default
	@$(run) meshctl report $(if $(OUT),"$(OUT)")

sidecar-diff: venv/ready ## Show what a sidecar adds to a Deployment; SERVICE=reviews-v1 selects it
	@$(run) meshctl sidecar-diff

verify: venv/ready ## Check the running mesh; CONTEXT=NAME: any mesh; WATCH=1: repeat (docs/verify.md)
	@$(run) meshctl verify $(if $(CONTEXT),--context '$(CONTEXT)') $(if $(WATCH),--watch)

topology: venv/ready ## Draw the mesh: OUT=mesh.svg, .png or .mmd; FROM=cluster, preview or render (docs/topology.md)
	@$(run) meshctl topology

release: venv/ready ## Download the stack's Istio release into releases/
	@$(run) meshctl release

policy: venv/ready ## Check the YAML in OUT=FOLDER against the rules (docs/policy.md)
	@$(run) policy.rendered $(or $(OUT),$(error name a folder: make policy OUT=FOLDER))

test: check docs programs release unit ## Run `check`, then all tests, also the end-to-end tests
	@$(venv)/pytest tests --ignore tests/unit -n 2 --dist loadfile

programs: venv/ready ## Download or build the programs that a sandbox runs, into the cache
	@$(run) sandbox programs --tests $(if $(wildcard $(istio-1.0)),--kubernetes 1.15)

unit: venv/ready ## Run the unit tests: no engine, no cluster, under 30 s
	@$(venv)/pytest tests/unit -n 2

check: venv/ready ## Check lint rules, format, types and YAML
	@$(venv)/ruff check .
	@$(venv)/ruff format --check .
	@$(venv)/ty check
	@$(venv)/yamllint --strict .

docs: venv/ready ## Build the site of docs/ into site/; a broken link is an error
	@scripts/site/build

traffic: venv/ready ## Test the traffic plans with requests through real proxies, in a live table
	@$(run) traffic

bench: venv/ready ## Compare time and memory with istioctl and helm (docs/performance.md)
	@$(run) bench

faults: venv/ready ## Disturb commands at each resource, or at POINTS=10, and check the next (docs/reliability.md)
	@$(run) faults $(if $(POINTS),--points $(POINTS))

sandbox-up: venv/ready ## Start a sandbox cluster, or those of its processes that don't run
	@$(run) sandbox up

sandbox-down: venv/ready ## Stop a sandbox and delete everything in it
	@$(run) sandbox down

sandbox-status: venv/ready ## Show a sandbox's processes
	@$(run) sandbox status

sandbox-logs: venv/ready ## Show the last lines of logs; PROCESS=reviews-v1 selects processes and pods
	@$(run) sandbox logs

env: venv/ready ## Print the shell lines for plain pulumi and kubectl: eval "$$(make -s env)"
	@$(run) meshctl env

lock: venv/ready ## Pin what requirements*.in names, with hashes; to upgrade: scripts/lock --upgrade
	@scripts/lock

sbom: venv/ready ## List packages, Go modules and images in sbom.json (CycloneDX), and show the licences
	@scripts/audit/sbom

audit: venv/ready ## Look for known vulnerabilities in Python packages and Go modules, in the network
	@scripts/audit/vulnerabilities

venv/ready: requirements.txt requirements-dev.txt
	@scripts/venv $(PYTHON)
	@touch venv/ready

# The few commands a person types; `make` alone lists them.
STACK ?= dev
SANDBOX ?= default
PYTHON ?= python3
export STACK SANDBOX SERVICE POLICY POLICY_CONFIG ME

venv := venv/bin
run := $(venv)/python -m
istio-1.0 := ../shared/istio/1.0.5

.DEFAULT_GOAL := help
.PHONY: help up preview destroy dev dev-rm render tables sidecar-diff verify release policy programs test unit check \
        traffic bench sandbox-up sandbox-down sandbox-status sandbox-logs env lock

help: ## List these commands
	@sed -n 's/\$$\$$/$$/; s/^\([a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 23
	@echo "  STACK=dev, SANDBOX=default and ME=you choose; POLICY=policy adds rules."

up: venv/ready ## Set up what is missing, deploy the stack, show its services and pods
	@$(run) meshctl up

preview: venv/ready ## Show what `up` would change
	@$(run) meshctl preview

destroy: venv/ready ## Remove what the stack deployed
	@$(run) meshctl destroy

dev: venv/ready ## Bring up a Bookinfo of your own, on the sandbox's platform (docs/stacks.md)
	@$(run) meshctl dev

dev-rm: venv/ready ## Remove it, with its stack and its file
	@$(run) meshctl dev-rm

render: venv/ready ## Write what `up` would apply as YAML, without a cluster: OUT=FOLDER
	@$(run) meshctl render $(or $(OUT),$(error name a folder: make render OUT=FOLDER))

tables: venv/ready ## Show the services and pods again
	@$(run) meshctl tables

sidecar-diff: venv/ready ## Show what a sidecar adds to a Deployment; SERVICE=reviews-v1 chooses one
	@$(run) meshctl sidecar-diff

verify: venv/ready ## Check the running mesh: istiods, webhooks, sidecars, gateways, versions
	@$(run) meshctl verify

release: venv/ready ## Put the stack's Istio release on disk, in releases/
	@$(run) meshctl release

policy: venv/ready ## Check rendered YAML by the team's rules: OUT=FOLDER (docs/policy.md)
	@$(run) policy.rendered $(or $(OUT),$(error name a folder: make policy OUT=FOLDER))

test: check programs release unit ## Check, then run all tests, the end-to-end ones too
	@$(venv)/pytest tests --ignore tests/unit

programs: venv/ready ## Get the programs that a sandbox runs, into the cache
	@$(run) sandbox programs --tests $(if $(wildcard $(istio-1.0)),--kubernetes 1.15)

unit: venv/ready ## Run the unit tests: no engine, no cluster, under 30 s
	@$(venv)/pytest tests/unit -n 2

check: venv/ready ## Lint, format and types; YAML too
	@$(venv)/ruff check .
	@$(venv)/ruff format --check .
	@$(venv)/ty check
	@$(venv)/yamllint --strict .

traffic: venv/ready ## Prove the traffic plans with requests through real proxies, as a live table
	@$(run) traffic

bench: venv/ready ## Measure against istioctl and helm, side by side (docs/performance.md)
	@$(run) bench

sandbox-up: venv/ready ## Start a sandbox cluster, or what of it doesn't run
	@$(run) sandbox up

sandbox-down: venv/ready ## End a sandbox and remove all it holds
	@$(run) sandbox down

sandbox-status: venv/ready ## Show a sandbox's processes
	@$(run) sandbox status

sandbox-logs: venv/ready ## Print the ends of its processes' logs
	@$(run) sandbox logs

env: venv/ready ## Print what makes plain pulumi and kubectl work: eval "$$(make -s env)"
	@$(run) meshctl env

lock: venv/ready ## Pin what requirements*.in name, with hashes; scripts/lock --upgrade takes newer versions
	@scripts/lock

venv/ready: requirements.txt requirements-dev.txt
	@scripts/venv $(PYTHON)
	@touch venv/ready

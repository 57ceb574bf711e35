# All logic is in scripts/dev.py, which runs on Windows too: python scripts/dev.py test
# Another Python: make test PYTHON=/path/to/python. Arguments: make test ARGS="-k fork".

CANDIDATES := python3.13 python3.12 python3.11 python3.14 python3 python
PYTHON ?= $(shell for p in $(CANDIDATES); do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$p && break; done)
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test server vscode vsix check fix docs bench soak test-agents test-editors lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Set up .venv (the others do it by themselves)
demo: ## Show what sessionls does, with no key and no network
test: ## Run all checks and tests, side by side
server: ## Run the tests of the server and the terminal alone
vscode: ## Run the VS Code extension's tests alone
vsix: ## Build the VS Code extension
check: ## Check format, lint, types, imports and generated docs
fix: ## Fix format and simple lint
docs: ## Renew the generated docs
bench: ## Measure, each thing against a baseline
soak: ## Work in shared sessions while processes are killed (ARGS=seconds on each engine)
test-agents: ## Drive real external agents from npm, against the tests' model server
test-editors: ## Drive real editors from Debian's packages, against the tests' model server
lock: ## Renew requirements.lock from pyproject.toml

setup demo test server vscode vsix check fix docs bench soak test-agents test-editors lock:
	@test -n "$(PYTHON)" || { echo "sessionls needs Python 3.11 or newer: install one, or say which with make $@ PYTHON=…" >&2; exit 1; }
	@$(PYTHON) scripts/dev.py $@ $(ARGS)

clean: ## Remove .venv and all caches
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist editors/vscode/node_modules editors/vscode/.cache editors/vscode/dist

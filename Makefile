# The front door. Needs make and python3 (3.11 or newer, with venv); fetches the rest, locked by uv.lock.

UV := sh .ci/uv
RUN := $(UV) run --frozen --no-sync
# Tests run in this many processes: `make test WORKERS=1` where one must be watched.
WORKERS ?= auto
# `make bench ROUNDS=1` where a rough figure will do.
ROUNDS ?= 3
# `make run PORT=8001` where 8000 is taken.
PORT ?= 8000

# Tests start hundreds of processes, and each would compile everything again.
unexport PYTHONDONTWRITEBYTECODE

stage = @printf '\n== %s\n' '$(1)'
# Getting uv and getting the packages fail for different reasons; .ci/uv explains its own.
sync = @$(UV) --version >/dev/null && { $(UV) sync --quiet --inexact $(1) || { printf '\n' >&2; printf '*** %s\n' \
  'Setting up failed: the reason stands above.' \
  'Where the package registry cannot be reached, name a mirror with UV_DEFAULT_INDEX=https://...' \
  'Behind a proxy with certificates of its own, say UV_SYSTEM_CERTS=1.' >&2; exit 1; }; }

.DEFAULT_GOAL := help
.PHONY: help run test setup lint format bench drills reliability clean

help: ## Say what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: ## Serve the demonstration ledger at http://127.0.0.1:8000 (or PORT=8001) until Ctrl-C
	$(call stage,setup)
	$(call sync,--frozen --no-default-groups)
	@$(RUN) roa demo --data demo-data --serve --port $(PORT)

test: lint ## Run everything: format, lint, types, floors, then all tests, the scripts against the installed wheel
	$(call stage,wheel built and installed outside the checkout)
	@dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && trap 'exit 130' INT TERM && \
	ROA_BIN=$$(.ci/install-wheel "$$dir/wheel") && export ROA_BIN && echo "$$ROA_BIN" && \
	ROA_FOREIGN=$$(.ci/install-foreign-reader "$$dir/foreign") && export ROA_FOREIGN && \
	ROA_SOFTHSM=$$(.ci/install-softhsm) && export ROA_SOFTHSM && \
	ROA_STRACE=$$(.ci/install-strace) && export ROA_STRACE && \
	ROA_SYSTEMD_ANALYZE=$$(.ci/install-systemd-analyze) && export ROA_SYSTEMD_ANALYZE && \
	printf '\n== tests\n' && \
	$(RUN) pytest --numprocesses $(WORKERS) --maxprocesses 8 --dist worksteal

lint: setup ## Check format, lint, types and floors
	$(call stage,format)
	@$(RUN) ruff format --check .
	$(call stage,lint)
	@$(RUN) ruff check .
	$(call stage,types)
	@$(RUN) mypy
	$(call stage,floors)
	@$(RUN) lint-imports --no-logo

format: setup ## Put every file into the house format
	@$(RUN) ruff check --fix-only .
	@$(RUN) ruff format .

drills: setup ## Let go wrong what must be found, and write the table of docs/for-auditors.md anew
	@$(RUN) roa drill split
	@$(RUN) roa drill rollback
	@$(RUN) roa drill backup
	@$(RUN) roa drill compromise
	@$(RUN) roa drill forgetting
	@$(RUN) roa drill tampering --into docs/for-auditors.md

reliability: setup ## Cut the power, kill, fail calls, tamper; write the table of docs/reliability.md anew (half an hour)
	@ROA_STRACE=$$(.ci/install-strace) && export ROA_STRACE && \
	$(RUN) python -m tests.reliability --into docs/reliability.md --into README.md

bench: setup ## Measure, and write the tables of docs/performance.md and README.md anew (an hour; ROUNDS=1 for less)
	@$(RUN) python -m benchmarks --rounds $(ROUNDS) --into docs/performance.md --into README.md
	@$(RUN) python -m benchmarks.growth --into docs/performance.md

setup:
	$(call stage,setup)
	$(call sync,--locked)

clean: ## Remove what was made here, the demonstration ledger included
	rm -rf .venv .uv build dist demo-data .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

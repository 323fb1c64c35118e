# Two commands for a newcomer: `make demo` and `make test`. Everything is idempotent.
SHELL := /bin/bash
VENV := .venv
# The tests start hundreds of Pythons: none of them should compile every module anew.
RUN := PYTHONDONTWRITEBYTECODE= PATH="$(CURDIR)/$(VENV)/bin:$$PATH"
# Each commit of a test waits for a disk, and all of it is thrown away: it lies in memory, if there
# are 4 GB for it. What a cut of power leaves is tested on simulated disks.
SCRATCH := $(shell test "$$(df -k /dev/shm 2>/dev/null | awk 'END { print int($$4) }')" -gt 4000000 \
	&& echo /dev/shm || echo "$${TMPDIR:-/tmp}")
STAMP := $(VENV)/.farz-$(shell cat pyproject.toml constraints.txt deploy/setup.sh | cksum | cut -d' ' -f1)

.PHONY: help setup demo test check format bench screenshots hardware clean

help:  ## what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(STAMP):
	@bash deploy/setup.sh $(VENV)
	@rm -f $(VENV)/.farz-*; touch $@

setup: $(STAMP)  ## Python packages into .venv, and the broker and browser where that is allowed

demo: setup  ## a synthetic village, live, until Ctrl-C
	@$(RUN) farz demo

# Three at a time on two processors: a third of the time a test waits for a bin, a broker or a page.
test: setup  ## every test
	@bash deploy/setup.sh --servers
	@TMPDIR=$(SCRATCH) $(RUN) pytest -n 3 --dist loadfile --no-loadscope-reorder -q

check: setup  ## format, lint, types, architecture; seconds
	@$(RUN) ruff format --check .
	@$(RUN) ruff check .
	@$(RUN) lint-imports
	@$(RUN) mypy
	@$(RUN) pyright --warnings
	@$(RUN) pytest -q tests/test_house_rules.py

format: setup  ## let ruff write
	@$(RUN) ruff format .
	@$(RUN) ruff check --fix .

bench: setup  ## every benchmark but ledger-long and programme (long ones), as JSON lines
	@for name in firmware gateway http-posts ledger peers spine; do $(RUN) farz bench $$name --json || failed=1; done; test -z "$$failed"

screenshots: setup  ## pictures of every page into var/screenshots
	@bash deploy/setup.sh --servers
	@$(RUN) python -m tests.browser.screenshots var/screenshots

hardware: setup  ## check pinout and bill of materials against the firmware
	@$(RUN) pytest -q tests/firmware/test_hardware.py

clean:  ## forget everything that was made here
	rm -rf $(VENV) var .pytest_cache .mypy_cache .ruff_cache .hypothesis

# make setup | demo | lint | test | check | ranges | chaos KILLS=40 | bench | mutants SEED=1 EACH=20
# TESTERS: how many tests at once; they wait more than they work.
# TORCH_INDEX: where to take torch from, e.g. https://download.pytorch.org/whl/cpu or .../cu130; empty: what fits here.

PYTHON ?= python3
TORCH_INDEX ?=
KILLS ?= 40
TESTERS ?= 3
SEED ?= 1
EACH ?= 20
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --constraint constraints.txt
NO_VENV := Python here cannot make virtual environments; on Debian and Ubuntu: apt-get install python3-venv

.PHONY: setup demo lint test check ranges range-lowest range-newest chaos bench mutants clean

setup: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(NO_VENV)" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	@index="$(TORCH_INDEX)"; [ "$$index" ] || index=$$($(BIN)/python config/torch_build.py); \
		[ -z "$$index" ] || $(PIP) --no-deps --index-url "$$index" torch
	$(PIP) --editable '.[dev]'
	touch $@

demo: setup
	ZIMAGINE_DATA=$${ZIMAGINE_DATA:-data/demo} ZIMAGINE_ENGINE__MODEL=$${ZIMAGINE_ENGINE__MODEL:-starter} \
		$(BIN)/python run_bot.py --playground

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright

test: setup
	$(BIN)/python -m pytest -n $(TESTERS) --dist worksteal --cov --cov-report=term

check: lint test

# Runs what leans most on other packages with the lowest and with the newest version of each that pyproject.toml allows,
# in environments of their own below .ranges/, made anew each time.
ranges: range-lowest range-newest

range-lowest range-newest: range-%:
	$(PYTHON) -m venv --clear .ranges/$*
	@index="$(TORCH_INDEX)"; [ "$$index" ] || index=$$(.ranges/$*/bin/python config/torch_build.py); \
		[ -z "$$index" ] || .ranges/$*/bin/python -m pip install --quiet \
		--constraint constraints-$*.txt --no-deps --index-url "$$index" torch
	.ranges/$*/bin/python -m pip install --quiet --constraint constraints-$*.txt --editable '.[test]'
	.ranges/$*/bin/python -m pytest -n $(TESTERS) --dist worksteal -p no:cacheprovider $$(sed 's/#.*//' tests/ranges.txt)

# Kills engines, bot and broker so often, on every link; docs/reliability.md holds the table of a long run.
chaos: setup
	$(BIN)/python -m tests.chaos --kills $(KILLS)

# Changes one place of the core at a time and looks whether a test fails: EACH places a module, drawn by SEED. Takes minutes.
mutants: setup
	$(BIN)/python -m tests.mutants --seed $(SEED) --each $(EACH)

# How soon a crowd is answered, beside a bare bot: benchmarks/README.md holds the tables.
bench: setup
	$(BIN)/python -m benchmarks.crowd

clean:
	rm -rf .venv .ranges data/demo .pytest_cache .ruff_cache .hypothesis .coverage

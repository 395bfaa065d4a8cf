# make setup | demo | lint | test | check | chaos KILLS=40
# TESTERS: how many tests at once; they wait more than they work.
# TORCH_INDEX: where to take torch from, e.g. https://download.pytorch.org/whl/cpu or .../cu130; empty: PyPI.

PYTHON ?= python3
TORCH_INDEX ?=
KILLS ?= 40
TESTERS ?= 3
BIN := .venv/bin

.PHONY: setup demo lint test check chaos clean

setup: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(if $(TORCH_INDEX),$(BIN)/python -m pip install --quiet --constraint constraints.txt --index-url $(TORCH_INDEX) torch)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
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

# Kills engines, bot and broker so often, on every link; docs/reliability.md holds the table of a long run.
chaos: setup
	$(BIN)/python -m tests.chaos --kills $(KILLS)

clean:
	rm -rf .venv data/demo .pytest_cache .ruff_cache .hypothesis .coverage

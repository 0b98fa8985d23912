# Two commands do everything: `make book` and `make test`. Both make .venv by themselves.
PYTHON ?= python3
# For example: make book PIP_OPTIONS="--extra-index-url https://download.pytorch.org/whl/cpu"
PIP_OPTIONS ?=
PROFILE ?= demo

BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: book pdf test test-slow smoke lint format nano shipped clean

book: $(INSTALLED)  ## make the book (minutes) and print the path of its first page
	$(BIN)/ccta book --profile $(PROFILE)

pdf: $(INSTALLED)  ## the book as a PDF as well; needs LaTeX, and says which Debian packages
	$(BIN)/ccta book --profile $(PROFILE) --pdf

smoke: $(INSTALLED)  ## the smallest book (about a minute), to see that everything runs
	$(BIN)/ccta book --profile smoke

test: lint  ## style, types and the fast tests
	$(BIN)/python -m pytest -n 2 -q

test-slow: $(INSTALLED)  ## browser, kill, scale and full-size tests
	$(BIN)/python -m pytest -n 2 -q -m slow

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(INSTALLED)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

nano: $(INSTALLED)  ## make the shipped pretrained network again
	$(BIN)/ccta pretrain --out ccta_lib/model/weights

shipped: $(INSTALLED)  ## make the run that ships with the book again: full size, the tables only
	$(BIN)/ccta book --profile full
	mkdir -p book/data/full
	cd build/full && cp predictions.parquet predictions_by_fold.parquet truth.parquet training.parquet flow.csv \
		recordings.parquet ceiling.csv run.json tables/explainability/beats.parquet $(CURDIR)/book/data/full/

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), f"Python 3.11 or newer is needed, found {sys.version.split()[0]}; set PYTHON=..."'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { echo "python3 -m venv failed; on Debian: apt-get install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25"
	$(BIN)/python -m pip install --quiet $(PIP_OPTIONS) --constraint constraints.txt --editable '.[all]'
	@touch $(INSTALLED)

clean:
	rm -rf build .venv

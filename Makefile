# Two commands do everything: `make book` and `make test`. Both make .venv by themselves.
PYTHON ?= python3
# For example: make book PIP_OPTIONS="--extra-index-url https://download.pytorch.org/whl/cpu"
PIP_OPTIONS ?=
AUDIT_OPTIONS ?=
# Start no further slow test after so many minutes; those left out are counted as skipped.
SLOW_MINUTES ?=
PROFILE ?= demo
FUZZ_SECONDS ?= 20

BIN := .venv/bin
INSTALLED := .venv/.installed
QUALITY := .venv/.quality

.PHONY: book pdf test test-slow test-install smoke study-smoke lint format nano shipped study shipped-study lock fuzz mutation audit sbom clean

book: $(INSTALLED)  ## make the book (minutes) and print the path of its first page
	$(BIN)/ccta book --profile $(PROFILE)

pdf: $(INSTALLED)  ## the book as a PDF as well; needs LaTeX, and says which Debian packages
	$(BIN)/ccta book --profile $(PROFILE) --pdf

smoke: $(INSTALLED)  ## the smallest book (about a minute), to see that everything runs
	$(BIN)/ccta book --profile smoke

test: lint  ## style, types and the fast tests
	$(BIN)/python -m pytest -n 2 -q

test-slow: $(INSTALLED)  ## browser, kill, scale and full-size tests
	$(BIN)/python -m pytest -n 2 -q -m slow $(addprefix --minutes ,$(SLOW_MINUTES))

study-smoke: $(INSTALLED)  ## every cell of every study at its smallest, to see that it runs
	$(BIN)/ccta study --size smoke --out build/study-smoke

test-install: $(INSTALLED)  ## each extra alone in an empty environment (gigabytes); CCTA_INSTALL_PYTHON names another Python
	$(BIN)/python -m pytest -q -m installation

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

study: $(INSTALLED)  ## everything expensive behind the chapters from baselines to transport (up to 100 minutes); goes on where it was killed
	$(BIN)/ccta study

shipped-study: study  ## ship these tables with the book
	mkdir -p book/data/study
	cp build/study/*.parquet build/study/study.json book/data/study/

# Every package by its hash, all but torch, whose file differs by machine (CPU, CUDA); that one by version.
$(INSTALLED): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), f"Python 3.11 or newer is needed, found {sys.version.split()[0]}; set PYTHON=..."'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { echo "python3 -m venv failed; on Debian: apt-get install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --upgrade pip==26.3
	$(BIN)/python -m pip install --quiet --require-hashes --no-deps --requirement requirements.lock
	$(BIN)/python -m pip install --quiet $(PIP_OPTIONS) --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(INSTALLED)

$(QUALITY): $(INSTALLED)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[quality]'
	@touch $(QUALITY)

# Not locked: torch, and what its CUDA build brings.
UNLOCKED := torch triton cuda-bindings cuda-pathfinder cuda-toolkit nvidia-cublas nvidia-cuda-cupti nvidia-cuda-nvrtc \
	nvidia-cuda-runtime nvidia-cudnn-cu13 nvidia-cufft nvidia-cufile nvidia-curand nvidia-cusolver nvidia-cusparse \
	nvidia-cusparselt-cu13 nvidia-nccl-cu13 nvidia-nvjitlink nvidia-nvshmem-cu13 nvidia-nvtx

lock: $(QUALITY)  ## requirements.lock again, from pyproject.toml and constraints.txt
	printf 'hatchling\neditables\n' | $(BIN)/uv pip compile - pyproject.toml --extra all --constraint constraints.txt --universal \
		--python-version 3.11 --generate-hashes --no-annotate --custom-compile-command 'make lock' --quiet \
		$(addprefix --no-emit-package ,$(UNLOCKED)) --output-file requirements.lock

fuzz: $(QUALITY)  ## every reader under damaged and hostile input; FUZZ_SECONDS of processor time per target and engine
	$(BIN)/python -m tests.fuzz --seconds $(FUZZ_SECONDS)

mutation: $(QUALITY)  ## how many small faults in the statistics the tests notice: a seeded sample of 500; goes on where it was killed
	nice -n 10 $(BIN)/python tests/mutation/run.py --sample 500 --seed 8

# For example, from a mirror of the OSV database: make audit AUDIT_OPTIONS="-s osv --osv-url https://mirror/v1/query"
audit: $(QUALITY)  ## known vulnerabilities of every locked package; asks the package index
	$(BIN)/pip-audit --requirement requirements.lock --require-hashes --disable-pip --strict --progress-spinner off $(AUDIT_OPTIONS)

sbom: $(QUALITY)  ## a bill of materials (CycloneDX) of what is installed: build/sbom.cdx.json
	@mkdir -p build
	$(BIN)/cyclonedx-py environment $(BIN)/python --pyproject pyproject.toml --output-format JSON --output-file build/sbom.cdx.json

clean:
	rm -rf build .venv

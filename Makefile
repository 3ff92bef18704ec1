# Each target sets up .venv by itself; it needs Python 3.11 or newer and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: install demo test test-fast test-pictures test-faults lint bench lock reference clean

install: $(READY)

demo: $(READY)
	$(BIN)/captionstream demo

test: $(READY)
	$(BIN)/pytest

test-fast: $(READY)
	$(BIN)/pytest -m "not broker and not flink and not model and not slow"

# Other libraries' odd pictures; fetched once, from the package registry.
SETS := $(VENV)/picture-sets
test-pictures: $(READY)
	test -d $(SETS) || { mkdir -p $(SETS) && $(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps \
	  --no-binary :all: --dest $(SETS) pillow==12.3.0 pillow-heif==1.8.1 && \
	  for file in $(SETS)/*.tar.gz; do tar --extract --file $$file --directory $(SETS); done; }
	PICTURE_SETS=$(SETS)/pillow-12.3.0/Tests/images:$(SETS)/pillow_heif-1.8.1/tests $(BIN)/pytest -s \
	  tests/transforms/test_public_pictures.py

# Every fault case on real processes; SEEDS=1,2,3 runs each three times, its moments drawn from the seed.
SEEDS ?= 1
test-faults: $(READY)
	FAULT_SEEDS=$(SEEDS) $(BIN)/pytest -m "" tests/faults

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(READY)
	$(BIN)/python -m tests.benchmarks.pipeline

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9'
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	touch $@

# Pins versions and hashes; names no registry.
lock: $(READY)
	$(BIN)/uv pip compile --quiet pyproject.toml --extra local --extra redis --extra s3 --extra gs --group dev \
	  --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate --output-file requirements.lock
	@echo "renew deploy/dataflow/requirements.lock too: docs/deploying.md, at its end"

# docs/reference.md, from the parsers.
reference: $(READY)
	$(BIN)/python -m pipeline.settings.reference

clean:
	rm -rf $(VENV) captionstream-report.html captionstream-pictures.html

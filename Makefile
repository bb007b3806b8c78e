# Two commands do everything: `make repro` and `make test`. The rest is named in CONTRIBUTING.md.
PYTHON ?= python3
# On machines where the default index would bring a CUDA build: make repro PIP_FLAGS="--extra-index-url <the CPU index>"
PIP_FLAGS ?=
VENV := .venv
BIN := $(abspath $(VENV))/bin
SOURCES := $(wildcard inference/native/*.?pp inference/native/*/*.?pp)
NATIVE := $(SOURCES) CMakeLists.txt

export PATH := $(BIN):$(PATH)
export DVC_NO_ANALYTICS := 1
export MLFLOW_DISABLE_TELEMETRY := true
export DO_NOT_TRACK := 1

.PHONY: repro walk-forward worlds test lint bench ui peers sanitize build lock clean
.DEFAULT_GOAL := repro

repro: build
	@python -m pipelines.params_file
	@dvc repro
	@python -m pipelines.summary

# Trains anew in each fold of time and stitches the results; goes on where it was stopped.
walk-forward: build
	@python -m pipelines.params_file
	@python -m pipelines.walk_forward

# The whole pipeline in made markets, beside the best that one who knows them could do; then docs/worlds.md shows the table.
worlds: build
	@python -m pipelines.params_file
	@python -m pipelines.acceptance
	@python -m pipelines.worlds.page

build: $(VENV)/.built

$(VENV)/.installed: pyproject.toml requirements.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet $(PIP_FLAGS) -r requirements.txt
	@touch $@

$(VENV)/.built: $(VENV)/.installed $(NATIVE)
	$(BIN)/pip install --quiet --no-build-isolation --no-deps --editable .
	@$(BIN)/python -m nanobind.stubgen -q -m inference._native -o inference/_native.pyi
	@touch $@

test: build
	python -m pytest

lint: build
	ruff check .
	ruff format --check .
	mypy
	clang-format --dry-run --Werror $(SOURCES)

bench: build
	python -m benchmarks

ui: build
	mlflow ui --backend-store-uri "$${MLFLOW_TRACKING_URI:-sqlite:///mlflow.db}"

# The peers of tests/inference/test_peers.py, whose requirements clash with ours, in environments of their own.
peers: build/peers/plain/.installed build/peers/nautilus/.installed

build/peers/%/.installed: tests/peers/%.txt
	$(PYTHON) -m venv build/peers/$*
	build/peers/$*/bin/pip install --quiet $(PIP_FLAGS) -r $<
	@touch $@

# The engine's tests on a build with AddressSanitizer and UndefinedBehaviorSanitizer. The base interpreter runs them, so that
# the editable install of the virtual environment does not bring in the ordinary build.
SANITIZED := build/sanitize
TREE := $(SANITIZED)/tree
sanitize: build
	cmake -S . -B $(SANITIZED) -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DRATCHET_SANITIZE=ON \
		-DPython_EXECUTABLE=$(BIN)/python -Dnanobind_DIR=$$(python -m nanobind --cmake_dir) >/dev/null
	cmake --build $(SANITIZED) --target _native
	mkdir -p $(TREE)/inference
	for room in features models pipelines; do ln -sfn $(CURDIR)/$$room $(TREE)/$$room; done
	for file in inference/*.py; do ln -sf $(CURDIR)/$$file $(TREE)/inference/; done
	cp $(SANITIZED)/_native*.so $(TREE)/inference/
	PYTHONPATH=$(TREE):$$(python -c "import sysconfig; print(sysconfig.get_path('purelib'))") \
		LD_PRELOAD="$$(g++ -print-file-name=libasan.so) $$(g++ -print-file-name=libstdc++.so.6)" \
		ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 \
		$$(python -c "import sys; print(sys._base_executable)") -P -m pytest tests/inference tests/features

# Writes the versions installed now into requirements.txt, below its heading.
lock:
	{ grep '^#' requirements.txt; pip freeze --exclude-editable | sed 's/^\(torch==[0-9.]*\).*/\1/'; } > requirements.new
	mv requirements.new requirements.txt

clean:
	rm -rf build $(VENV)/.built

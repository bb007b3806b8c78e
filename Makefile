# Two commands do everything: `make repro` and `make test`. The rest is named in CONTRIBUTING.md.
PYTHON ?= python3
# On machines where the default index would bring a CUDA build: make repro PIP_FLAGS="--extra-index-url <the CPU index>"
PIP_FLAGS ?=
VENV := .venv
BIN := $(abspath $(VENV))/bin
NATIVE := $(wildcard inference/native/*.hpp inference/native/*.cpp inference/native/steps/*.hpp) CMakeLists.txt

export PATH := $(BIN):$(PATH)
export DVC_NO_ANALYTICS := 1
export MLFLOW_DISABLE_TELEMETRY := true
export DO_NOT_TRACK := 1

.PHONY: repro test lint bench ui sanitize build clean
.DEFAULT_GOAL := repro

repro: build
	@dvc repro --quiet || dvc repro
	@python -m pipelines.summary

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
	clang-format --dry-run --Werror inference/native/*.hpp inference/native/*.cpp inference/native/steps/*.hpp

bench: build
	python -m benchmarks

ui: build
	mlflow ui --backend-store-uri "$${MLFLOW_TRACKING_URI:-sqlite:///mlflow.db}"

sanitize: build
	cmake -S . -B build/sanitize -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DRATCHET_SANITIZE=ON \
		-DPython_EXECUTABLE=$(BIN)/python -Dnanobind_DIR=$$(python -m nanobind --cmake_dir) >/dev/null
	cmake --build build/sanitize --target _native
	python -m benchmarks.sanitized build/sanitize

clean:
	rm -rf build $(VENV)/.built

# The verbs of this project. `make book` and `make test` need Python 3.11 to 3.13 and nothing else.

PYTHON ?= python3
CORPUS ?= demo
DATA   ?=
REPORT ?=
SET    ?=
PREDICTIONS ?=
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
export TF_CPP_MIN_LOG_LEVEL ?= 2
# What a user writes is text: neither make nor the shell looks into it.
override CORPUS := $(value CORPUS)
override DATA := $(value DATA)
override REPORT := $(value REPORT)
override SET := $(value SET)
export CORPUS DATA REPORT SET

LITERT := book/litert
.PHONY: help book pdf test slow wheel lint bench study torture mutants lab live lock clean

help:  ## what make can do
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/:/' | column -t -s:

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "Python 3.11 to 3.13 is needed; name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "installing the environment into $(VENV) ..."
	@start=$$(date +%s) && $(PYTHON) -m venv --clear $(VENV) && \
	  $(BIN)/pip install --quiet --disable-pip-version-check -r requirements.lock && \
	  $(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . && \
	  touch $@ && echo "environment installed in $$(( $$(date +%s) - start )) s"

book: $(READY)  ## the report: make book [CORPUS=emodb DATA=folder] [REPORT=name SET="epochs=5 seed=1"] [PREDICTIONS="mine.csv"]
	@$(BIN)/ser run --corpus "$$CORPUS" $${DATA:+--data "$$DATA"} $${REPORT:+--report "$$REPORT"} --set "$$SET" $(foreach one,$(PREDICTIONS),--predictions "$(one)")
	@$(BIN)/ser book --corpus "$$CORPUS" $${REPORT:+--report "$$REPORT"} $(HOW)

pdf: HOW := --pdf
pdf: book  ## the same, and the book as one PDF; needs Chromium

test: $(READY) lint  ## lint, unit tests, doctests, a smoke run of every notebook, a small book
	@$(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

slow: $(READY)  ## the tests that take minutes each; SER_EMODB=folder for real speech
	@$(BIN)/pytest -m slow

lint: $(READY)  ## style, layers and types of the code; the notebooks are stripped
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/nbstripout --verify notebooks/*.ipynb
	@$(BIN)/lint-imports > /dev/null || $(BIN)/lint-imports
	@$(BIN)/mypy --no-error-summary

bench: $(READY)  ## how fast it is here, beside rivals and limits; SER_EMODB=folder for real speech
	@$(BIN)/python -m benchmarks

study: $(READY)  ## how often intervals hold, copies are found, and what longer training gives (tables of the book)
	@$(BIN)/python -m benchmarks.study

wheel: $(READY)  ## build the wheel with its bill of materials, install it elsewhere, make the demo book there
	@rm -rf build dist && mkdir dist
	@$(BIN)/pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation -w dist .
	@$(BIN)/python tests/bill.py dist
	@$(BIN)/python tests/try_wheel.py dist/ser_lib-*.whl

torture: $(READY)  ## attack what SECURITY.md promises, and print what was tried and what broke
	@$(BIN)/python -m benchmarks.torture

mutants: $(READY)  ## change the code in one place at a time, and see whether the tests notice
	@$(BIN)/python -m benchmarks.mutants

lab: $(READY)  ## open the notebooks in JupyterLab
	@$(BIN)/jupyter lab --notebook-dir=.

live: $(LITERT)/size.json  ## fetch what the page that listens to its reader needs; needs npm

# LiteRT.js (Apache License 2.0): of its four builds the one for every browser.
$(LITERT)/size.json: $(MAKEFILE_LIST)
	@rm -rf $(LITERT) && mkdir -p $(LITERT)/npm
	@cd $(LITERT)/npm && npm pack --silent @litertjs/core@2.5.3 @litertjs/wasm-utils@2.5.3 > /dev/null
	@cd $(LITERT)/npm && printf '%s  %s\n' \
	  a97660833e9e7e1063c95e12016718881240b14f7438728a2f62785e912d30fd litertjs-core-2.5.3.tgz \
	  ce2a1f8379c067be49e59752e5a7f40db6be09f6e497f0f11e59f17b515366a7 litertjs-wasm-utils-2.5.3.tgz | sha256sum --quiet --check
	@cd $(LITERT) && tar -xzf npm/litertjs-wasm-utils-2.5.3.tgz --strip-components=2 package/dist/index.js && \
	  mv index.js wasm-utils.js && \
	  tar -xzf npm/litertjs-core-2.5.3.tgz --strip-components=2 package/dist/index.js \
	    package/wasm/litert_wasm_compat_internal.js package/wasm/litert_wasm_compat_internal.wasm && \
	  tar -xzf npm/litertjs-core-2.5.3.tgz --strip-components=1 package/package.json && \
	  sed 's#"@litertjs/wasm-utils"#"./wasm-utils.js"#; /sourceMappingURL/d' index.js > core.js && \
	  sed -i.bak '/sourceMappingURL/d' wasm-utils.js && rm -rf npm index.js wasm-utils.js.bak && \
	  chmod 644 * && cat * | wc -c > size.json && cat size.json

lock:  ## write requirements.lock anew (needs uv)
	@uv pip compile --universal --python-version 3.11 --extra dev --no-annotate --no-header \
	  --no-emit-index-url --generate-hashes --upgrade pyproject.toml -o requirements.lock

clean:  ## remove everything generated but the environment
	rm -rf _build build dist book/runs runs $(addprefix data/,demo demo2 features functionals manifests robustness)

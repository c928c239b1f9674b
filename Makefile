# The whole book in two commands: `make book` builds it, `make test` checks it.
# Every target is a plain command or two; README.md gives them for a machine without make.

PYTHON ?= python3
BIN := .venv/bin
READ := .venv/.read
BOOK := .venv/.book
DEV := .venv/.dev
CHAPTERS = $(wildcard book/*.ipynb)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help book test check lint unit lowered processors nbval build pages chromium compiler emulator serve notebooks train bench pdf screenshots assignment chapter lock clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

book: build ## build the book and print the path of its first page
	@echo "The book is at $(CURDIR)/_build/html/index.html"

test: lint unit lowered nbval build pages ## run everything that CI runs

# One environment and three sets: reading and running, building, testing. Each holds the one before
# it, so installing a set marks the smaller ones as installed.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; ok = sys.version_info >= (3, 10); \
	  sys.exit(0 if ok else "Python 3.10 or later is needed: make PYTHON=/path/to/python3.12")'
	$(PYTHON) -m venv .venv

$(READ): SET := requirements.txt
$(BOOK): SET := requirements/book.txt
$(DEV): SET := requirements/dev.txt
$(BOOK) $(DEV): requirements/book.txt
$(DEV): requirements/dev.txt
$(READ) $(BOOK) $(DEV): requirements.txt requirements/lock.txt pyproject.toml | $(BIN)/python
	@echo "Installing $(SET): minutes, and 1 to 2 GB"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r $(SET)
	@touch $(READ) $(if $(filter $(BOOK) $(DEV),$@),$(BOOK)) $@

build: $(BOOK)
	$(BIN)/jupyter-book build . --all -W --keep-going -n --quiet

check: $(DEV) ## lint, and test only what differs from main, in two minutes at most
	OMP_NUM_THREADS=1 $(BIN)/python -m tools.check

lint: $(DEV) ## check style and types: ruff, on modules and notebooks, and mypy, on the package
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# One thread each: two workers share the processor better than two times all of its threads.
unit: $(DEV) compiler ## test the package and the files of the repository
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests lstm_tutorial README.md --doctest-modules --doctest-glob README.md \
	  -n 2 --dist worksteal --ignore tests/pages

lowered: $(DEV) compiler ## test what depends on the processor with the kernels of lesser ones
	$(BIN)/python -m tools.processors quick

processors: $(DEV) compiler emulator ## the same and more, on emulated processors and with two threads
	$(BIN)/python -m tools.processors

nbval: $(DEV) ## run every notebook and compare with its stored outputs
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest book -n 2 --dist loadscope --nbval \
	  --nbval-sanitize-with tests/nbval.cfg --nbval-cell-timeout 120 --nbval-current-env

pages: $(DEV) chromium ## test the built pages, in a browser too
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadscope tests/pages

chromium: $(DEV)
	@$(BIN)/python tools/chromium.py || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	  && apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; } \
	  || echo "No Chromium found, so the browser tests are skipped: install chromium or" \
	  "google-chrome, or name one in the environment variable CHROMIUM."

compiler: $(DEV)
	@$(BIN)/python -c 'import sys; from lstm_tutorial.compiled import can_compile; sys.exit(not can_compile())' \
	  || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	  && apt-get update -qq && apt-get install -y -qq --no-install-recommends g++; } \
	  || echo "No C++ compiler found, so the tests of CompiledLSTM are skipped: install g++ (clang on macOS)."

emulator: $(DEV)
	@command -v qemu-x86_64 >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	  && apt-get update -qq && apt-get install -y -qq --no-install-recommends qemu-user; } \
	  || echo "No qemu-x86_64 found, so other processors are not emulated: install qemu-user (Linux)."

serve: build ## serve the book on http://localhost:8000
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory _build/html 8000

notebooks: $(DEV) ## run the chapters and store their outputs: make notebooks CHAPTERS=book/gates.ipynb
	$(BIN)/jupyter nbconvert --to notebook --execute --inplace --coalesce-streams \
	  --ExecutePreprocessor.record_timing=False $(CHAPTERS)

IMDB := $(if $(IMDB_ARCHIVE),--root $(IMDB_ARCHIVE))

train: $(READ) ## repeat the book's two runs on IMDB and store their records (a quarter of an hour)
	$(BIN)/python -m lstm_tutorial train runs/imdb-max --preset max $(IMDB)
	$(BIN)/python -m lstm_tutorial train runs/imdb-final-states --preset final-states $(IMDB)
	cp runs/imdb-max/run.json book/records/imdb-max.json
	cp runs/imdb-final-states/run.json book/records/imdb-final-states.json

# The peers get an environment of their own: one of them asks for packages that the book does not need.
bench: ## time LSTMs beside each other and store the record (25 minutes, on a quiet machine)
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check \
	  -r requirements.txt -r benchmarks/requirements.txt
	.venv-bench/bin/python -m benchmarks.speed benchmarks/results/speed.json \
	  $(if $(IMDB_ARCHIVE),--imdb $(IMDB_ARCHIVE))

pdf: build chromium ## print the whole book into one file, _build/book.pdf
	$(BIN)/python -m tools.pdf _build/book.pdf

screenshots: build chromium ## photograph every page, wide and narrow, light and dark, into _build/screenshots
	$(BIN)/python -m tools.screenshots _build/screenshots
	$(BIN)/python -m tools.screenshots

EXERCISES =
assignment: $(READ) ## write an assignment and its solutions: make assignment EXERCISES="ex-cell ex-inputs-run"
	$(BIN)/python tools/assignment.py _build/assignment $(EXERCISES)

NAME =
TITLE =
chapter: $(DEV) ## write the skeleton of a chapter: make chapter NAME=my_topic TITLE="My topic"
	$(BIN)/python -m tools.chapter "$(NAME)" $(if $(TITLE),"$(TITLE)")

UPGRADE =
lock: $(DEV) ## pin every release in requirements/lock.txt: make lock UPGRADE=--upgrade takes the newest ones
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/python -m tools.lock $(UPGRADE)

clean: ## remove everything that make made
	rm -rf .venv .venv-bench _build .pytest_cache .ruff_cache .mypy_cache .hypothesis lstm_tutorial.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

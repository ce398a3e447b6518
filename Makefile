# Thin names over the real commands. Everything installs itself into .venv from the lock.
PYTHON ?= python3
BIN := .venv/bin
TUTORS ?= 500
DAYS ?= 240

.DEFAULT_GOAL := help
.PHONY: help install bench-compare bench-growth bench-smoke demo up test fuzz audit storm storm-contrast storm-soak verify-ops verify-deploy verify-image sbom verify-rabbitmq verify-upgrade check check-rules check-dashboards format bench evaluate-model lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

install: .venv/installed ## create .venv and install everything from the lock

.venv/installed: requirements-dev.lock
	$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 14) else "TutorMax needs Python 3.11 to 3.13, this is %d.%d; set PYTHON=..." % sys.version_info[:2])'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.lock
	@touch $@

demo: install ## the main job, end to end, on embedded servers (TUTORS=1500 for the nominal marketplace)
	@$(BIN)/python -m tutormax demo --tutors $(TUTORS) --days $(DAYS)

up: install ## everything, kept running until Ctrl-C
	@$(BIN)/python -m tutormax up

# Tests wait for processes more than they compute: four of them at once keep two cores busy.
test: install ## all tests
	@$(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder

fuzz: install ## 10,000 messages, 10,000 calls and command lines, 1,000 files that nobody would write by hand
	@FUZZ=full $(BIN)/python -m pytest tests/fuzz tests/ingest/test_fuzz.py --timeout 1800 --durations 5

audit: build/auditor/installed ## known vulnerabilities of all that is locked, by PyPI's advisories (needs the network)
	build/auditor/bin/pip-audit --strict --disable-pip --require-hashes -r requirements.lock
	build/auditor/bin/pip-audit --strict --disable-pip --require-hashes -r requirements-dev.lock

build/auditor/installed:
	$(PYTHON) -m venv build/auditor
	build/auditor/bin/python -m pip install --quiet --disable-pip-version-check pip-audit==2.10.1
	@touch $@

storm: install ## 100,000 jobs, 200 kills, 100 other faults, and storms with planted bugs (30 minutes; SEED=7)
	@$(BIN)/python -m tests.faults.storm --tier gate $(if $(SEED),--seed $(SEED))
	@$(BIN)/python -m pytest tests/faults -m slow -s

storm-contrast: install ## the same faults over Dramatiq as it comes, printed beside ours
	@$(BIN)/python -m tests.faults.storm.contrast $(ARGS)

storm-soak: install ## 576,000 jobs over 8 hours
	@$(BIN)/python -m tests.faults.storm --tier soak $(if $(SEED),--seed $(SEED))

check: install ## lint, types, import contracts, SQL
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/sqlfluff lint --processes 0 tutormax/sql ml/features/sql ml/sql tests/benchmarks/sql tests/sql

check-rules: install ## Prometheus' and Alertmanager's own verdict on deploy/ (needs prometheus and prometheus-alertmanager)
	@command -v promtool >/dev/null && command -v amtool >/dev/null || { echo "check-rules needs promtool and amtool: apt-get install prometheus prometheus-alertmanager"; exit 1; }
	@$(BIN)/python -m pytest -q tests/deploy/live_checks.py

check-dashboards: install ## dashboards against their source, our linter and Grafana's own types (needs npm)
	@command -v npm >/dev/null || { echo "check-dashboards needs npm"; exit 1; }
	$(BIN)/python -m grafana.src --check
	$(BIN)/python -m grafana.src.lint
	$(BIN)/python -m grafana.src.typescript
	cd grafana && npm ci --silent && npm run --silent check

format: install ## let the tools rewrite what they can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/sqlfluff fix --processes 0 tutormax/sql ml/features/sql ml/sql tests/benchmarks/sql

OBSERVERS := prometheus prometheus-alertmanager prometheus-redis-exporter prometheus-postgres-exporter
verify-ops: install ## the drill of operations: real faults under a real Prometheus and Alertmanager (7 minutes)
	@for program in $(OBSERVERS); do command -v $$program >/dev/null || { echo "verify-ops needs $$program: apt-get install $(OBSERVERS)"; exit 1; }; done
	@$(BIN)/python -m pytest tests/ops -m slow -s

verify-rabbitmq: install ## the same jobs and faults with RabbitMQ as broker (needs rabbitmq-server)
	@ls /usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server >/dev/null 2>&1 || { echo "verify-rabbitmq needs a RabbitMQ: apt-get install rabbitmq-server"; exit 1; }
	@$(BIN)/python -m pytest -q --broker rabbitmq --timeout 300 tests/broker/live_rabbitmq.py tests/faults/test_nothing_lost.py tests/acceptance

verify-upgrade: install ## the tests of actors, ledger, timetable, ingest and exporter on a schema one release ahead
	@$(BIN)/python -m pytest -q --schema ahead --timeout 300 -n 3 --dist loadfile $(UPGRADED)

verify-deploy: install build/deploy-tools/installed build/deploy-debian/installed ## every deployment's own commands executed, its files judged by others' programs (needs redis-server postgresql prometheus-redis-exporter prometheus-postgres-exporter systemd npm; 4 minutes)
	@command -v redis-server >/dev/null && ls /usr/lib/postgresql/*/bin/initdb >/dev/null || { echo "verify-deploy needs apt-get install redis-server postgresql prometheus-redis-exporter prometheus-postgres-exporter systemd"; exit 1; }
	cd deploy/kubernetes/check && npm ci --silent
	@$(BIN)/python -m pytest -q -s tests/deploy/judged_checks.py tests/deploy/deployed_checks.py

build/deploy-tools/installed: deploy/tools.lock
	$(PYTHON) -m venv build/deploy-tools
	build/deploy-tools/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	@touch $@

# kustomize and Compose are not in Debian 12; those of Debian 13 are programs of one file each that need nothing else.
build/deploy-debian/installed:
	sh deploy/fetch-tools.sh build/deploy-debian kustomize docker-compose
	@touch $@

verify-image: ## the image built by buildah and entered read-only (root; needs buildah and mmdebstrap; no part of CI)
	deploy/container/verify.sh

sbom: install build/deploy-tools/installed ## what the lock installs, as CycloneDX, into build/sbom.cdx.json
	build/deploy-tools/bin/cyclonedx-py requirements --output-reproducible --output-file build/sbom.cdx.json requirements.lock

bench: .venv/bench-installed ## timed runs, fixed seed and size, beside limits, an ORM and other engines (SIZE=S|N|L|XL SUITES="limits")
	@$(BIN)/python -m tests.benchmarks $(SUITES)

bench-compare: install ## a result beside an earlier one (KEPT=output/benchmarks/a.json NEW=output/benchmarks/b.json)
	@$(BIN)/python -m tests.benchmarks.comparison $(KEPT) $(NEW)

bench-growth: install ## what a tutor costs in a larger marketplace, beside a smaller one (SMALL=n.json LARGE=l.json)
	@$(BIN)/python -m tests.benchmarks.growth $(SMALL) $(LARGE)

bench-smoke: install ## 300 tutors, two minutes: has a ratio to its limit become twice as bad?
	@SIZE=S ROUNDS=3 KEEP_AS=build/smoke.json $(BIN)/python -m tests.benchmarks smoke limits ingest
	@$(BIN)/python -m tests.benchmarks.comparison tests/benchmarks/kept.json build/smoke.json --most 2

# What we are measured against; nothing of ours needs it, and nothing of ours may change for it.
MEASURED := celery==5.7.0 kombu==5.7.0 amqp==5.4.2 billiard==4.3.2 vine==5.1.0 click-didyoumean==0.3.1 \
  click-plugins==1.1.1.2 click-repl==0.4.1 prompt-toolkit==3.0.53 wcwidth==0.9.4 procrastinate==3.10.0 asgiref==3.13.0 \
  attrs==26.1.0 croniter==7.0.0 psycopg-pool==3.3.3
.venv/bench-installed: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps $(MEASURED)
	@touch $@

evaluate-model: install ## a model of the reference marketplace, held to what could be known of it (ARGS="--tutors 500")
	@$(BIN)/python -m tests.model $(ARGS)

UPGRADED := tests/actors tests/jobs tests/schedules tests/ingest tests/exporter tests/commands/test_commands.py \
	tests/evaluation tests/test_retention.py tests/test_personal_data.py tests/ml/test_features_store.py

# The NCCL wheel serves several GPUs only and weighs hundreds of MB: it stays out of both locks.
LOCK := build/locker/bin/pip-compile --quiet --generate-hashes --strip-extras --no-header --no-emit-options \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links --unsafe-package nvidia-nccl-cu12
lock: ## resolve the dependencies anew
	$(PYTHON) -m venv build/locker
	build/locker/bin/python -m pip install --quiet pip-tools
	$(LOCK) --extra dev -o requirements-dev.lock pyproject.toml
	$(LOCK) -c requirements-dev.lock -o requirements.lock pyproject.toml
	sed -i -e '/^# WARNING: The following packages/,$$d' requirements*.lock
	sed -n 's/^xgboost==\([^ ]*\).*/xgboost-cpu==\1/p' requirements.lock > build/xgboost-cpu.in
	$(LOCK) --no-annotate -o build/xgboost-cpu.lock build/xgboost-cpu.in
	awk '/^[a-z]/ {kept = /^xgboost-cpu==/} kept' build/xgboost-cpu.lock > deploy/container/xgboost-cpu.lock
	$(LOCK) -o deploy/tools.lock deploy/tools.in
	$(LOCK) -o deploy/container/sbom.lock --allow-unsafe deploy/container/sbom.in

clean: ## forget the environment and every embedded server's data
	rm -rf .venv .tutormax

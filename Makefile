# Passerelle. `make` puts everything in .venv; it needs Python 3.11 or newer with its venv module, and nothing else.

PYTHON ?= python3
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest
JOBS ?= 2
SECRETS ?= secrets
UPGRADE ?=

.DELETE_ON_ERROR:
.PHONY: all demo dev lint check test soak bench lock secrets clean

all: .venv/installed

# A new lock makes a new environment: nothing of the old one stays behind.
.venv/locked: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Passerelle needs Python 3.11 or newer, and $(PYTHON) is not: name another with PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "the venv module of $(PYTHON) is missing: on Debian and Ubuntu, apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	@touch $@

# setuptools, which builds the package, comes from the lock too: no unchecked build environment.
.venv/installed: .venv/locked pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index --editable .
	@touch $@

demo: all
	$(BIN)/passerelle demo

dev: all
	$(BIN)/passerelle dev

lint: all
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy .
	$(BIN)/lint-imports --no-logo

# Fast: what starts no process of its own.
check: lint
	$(PYTEST) -n $(JOBS) --dist loadgroup -m "not soak and not browser" --ignore=tests/packaging/test_compose.py

test: lint
	$(PYTEST) -n $(JOBS) --dist loadgroup -m "not soak"

soak: all
	$(PYTEST) -m soak

bench: all
	$(BIN)/python -m bench

# UPGRADE=--upgrade takes the newest versions; without it only what pyproject.toml changed moves.
lock:
	@command -v uv >/dev/null || { echo "uv is missing: pip install uv" >&2; exit 1; }
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --python-version 3.11 --group dev $(UPGRADE) \
		pyproject.toml -o requirements.lock

# A private key of Ed25519 in PEM: its 32 bytes behind the 16 that say what they are (source: RFC 8410).
SIGNING_KEY = import base64, secrets; key = bytes.fromhex("302e020100300506032b657004220420") + secrets.token_bytes(32); \
	print("-----BEGIN PRIVATE KEY-----", base64.b64encode(key).decode(), "-----END PRIVATE KEY-----", sep="\n")

# Made once, never overwritten. The containers run as user 1000 and read them as they are.
secrets:
	@umask 077 && mkdir -p $(SECRETS) && \
	for name in data_key database_password link_key temporal_password; do \
		[ -s $(SECRETS)/$$name ] || $(PYTHON) -c 'import secrets; print(secrets.token_hex(32))' >$(SECRETS)/$$name || exit 1; \
	done && \
	{ [ -s $(SECRETS)/signing_key ] || $(PYTHON) -c '$(SIGNING_KEY)' >$(SECRETS)/signing_key; } && \
	{ [ -s $(SECRETS)/database_url ] || printf 'postgresql+psycopg://passerelle:%s@db:5432/passerelle\n' \
		"$$(cat $(SECRETS)/database_password)" >$(SECRETS)/database_url; } && \
	case $$(id -u) in \
		0) chown 1000:1000 $(SECRETS)/* ;; \
		1000) ;; \
		*) echo "now run: sudo chown 1000:1000 $(SECRETS)/*   (the containers run as user 1000)" ;; \
	esac

# var/ holds cases and secrets/ holds keys: both stay.
clean:
	rm -rf .venv build demo-out *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Passerelle: one image for web, worker, migrations and the command line.

# Every locked package, each checked against its hash.
FROM python:3.11-slim-bookworm AS wheels
COPY requirements.lock /
RUN pip wheel --no-cache-dir --no-deps --require-hashes --wheel-dir /wheels --requirement /requirements.lock

# Of these, only what Passerelle needs to run: no index is asked, so nothing unchecked comes in and no development tool goes along.
FROM python:3.11-slim-bookworm AS installed
COPY --from=wheels /wheels /wheels
COPY . /app
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --no-index --find-links /wheels --editable /app \
    && /opt/venv/bin/python -m compileall -q /app

FROM python:3.11-slim-bookworm
# 1000 owns the files of ./secrets, which Compose mounts as they are.
RUN groupadd --gid 1000 passerelle \
    && useradd --uid 1000 --gid passerelle --create-home --home-dir /var/lib/passerelle --shell /usr/sbin/nologin passerelle
COPY --from=installed /opt/venv /opt/venv
COPY --from=installed /app /app
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PASSERELLE_DATA=/var/lib/passerelle \
    PASSERELLE_HOST=0.0.0.0
WORKDIR /app
USER 1000:1000
EXPOSE 8000
CMD ["passerelle", "web"]

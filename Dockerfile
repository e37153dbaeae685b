# One image for every worker; the command says which: python -m services.NAME [--lane LANE]
FROM python:3.12-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
RUN python -m venv /opt/enlarger
COPY requirements.lock .
RUN /opt/enlarger/bin/pip install --no-deps --require-hashes -r requirements.lock

FROM python:3.12-slim
ENV PATH=/opt/enlarger/bin:$PATH PYTHONUNBUFFERED=1
RUN useradd --system --uid 10001 --home-dir /app enlarger && mkdir -p /var/lib/enlarger && chown enlarger /var/lib/enlarger
WORKDIR /app
COPY --from=build /opt/enlarger /opt/enlarger
COPY common common
COPY services services
USER enlarger
CMD ["python", "-m", "services.ingest"]

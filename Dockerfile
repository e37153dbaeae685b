# One image for every worker; its command is the worker's name: `docker run … enlarger submitter`, or
# `… enlarger finisher --lane refund`. Anything else runs as it stands: `… enlarger ./enlarger migrate`.
FROM python:3.12-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
COPY requirements.lock .
# what the lock names and hashes, nothing else; pip itself stays outside of it
RUN python -m venv --without-pip /opt/enlarger \
 && python -m pip --python /opt/enlarger/bin/python install --no-deps --require-hashes -r requirements.lock
COPY bench /app/bench
COPY cli /app/cli
COPY common /app/common
COPY local /app/local
COPY sandbox /app/sandbox
COPY services /app/services
COPY deploy/image/enlarger /app/enlarger
# compiled here: the root file system is read-only later; numpy's tests, what only type checkers read, and what Babel
# knows of languages that there is no catalogue for stay behind
RUN /opt/enlarger/bin/python -m compileall -q /app \
 && find /opt/enlarger -type d -path '*/numpy/*' -name tests -prune -exec rm -r {} + \
 && find /opt/enlarger -type f \( -name '*.pyi' -o -name '*.a' -o -path '*/include/*.h' \) -delete \
 && cd /opt/enlarger/lib/python3.*/site-packages/babel/locale-data \
 && for data in *.dat; do language="${data%%[_.]*}"; \
      [ "$language" = root ] || [ "$language" = en ] || [ -e "/app/common/locale/$language.po" ] || rm "$data"; done

FROM python:3.12-slim
ARG VERSION=unreleased
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Enlarger" \
      org.opencontainers.image.description="Fulfils paid image-enlargement orders: every one is delivered or refunded." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
# tini reaps what is left over and hands signals on; nothing installs anything after this
RUN apt-get update -q && apt-get install -y -q --no-install-recommends tini && rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
 && python -m pip uninstall --quiet --yes --root-user-action=ignore pip \
 && rm -rf /usr/local/lib/python3.*/ensurepip \
 && useradd --system --uid 10001 --home-dir /app --shell /usr/sbin/nologin enlarger \
 && install -d -o enlarger /var/lib/enlarger
ENV PATH=/opt/enlarger/bin:$PATH PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
COPY --from=build /opt/enlarger /opt/enlarger
COPY --from=build /app /app
COPY deploy/image/start deploy/image/answers /usr/local/bin/
USER 10001
STOPSIGNAL SIGTERM
EXPOSE 8000 9100
HEALTHCHECK --interval=5s --timeout=5s --start-period=5m --retries=6 CMD ["answers", "9100", "/readyz"]
ENTRYPOINT ["tini", "--", "start"]
CMD ["ingest"]

# syntax=docker/dockerfile:1
# One image for every role; docker-compose.yml names the role. It is built in two stages. The final image has no root user, no compiler,
# no pip cache and no checkout.
FROM python:3.13.7-slim-trixie AS build
WORKDIR /source
RUN python -m venv /opt/tocsin
COPY pyproject.toml requirements.lock README.md LICENSE NOTICE ./
COPY tocsin ./tocsin
COPY ingest ./ingest
COPY processors ./processors
COPY alerts ./alerts
COPY api ./api
COPY ops ./ops
COPY tests/contracts ./tests/contracts
RUN --mount=type=cache,target=/root/.cache/pip \
    /opt/tocsin/bin/pip install --disable-pip-version-check --only-binary :all: --no-binary tocsin -c requirements.lock . \
    && /opt/tocsin/bin/tocsin --version

FROM python:3.13.7-slim-trixie
RUN groupadd --gid 10001 tocsin \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/tocsin --shell /usr/sbin/nologin tocsin \
    && install -d -o tocsin -g tocsin -m 0700 /var/lib/tocsin /var/lib/tocsin-copies
COPY --from=build /opt/tocsin /opt/tocsin
ENV PATH=/opt/tocsin/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    TOCSIN_DATA=/var/lib/tocsin
USER 10001:10001
WORKDIR /var/lib/tocsin
VOLUME /var/lib/tocsin
EXPOSE 8085
ENTRYPOINT ["tocsin"]
CMD ["up"]

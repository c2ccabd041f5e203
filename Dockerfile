# `shelflens serve`, `watch` and `train` as images: docs/how-to/docker.md
#
#   docker build -t shelflens .                    serve
#   docker build -t shelflens-watch --target watch .
#   docker build -t shelflens-train --target train .    docs/how-to/clusters.md
ARG PYTHON=3.13-slim-bookworm

FROM python:${PYTHON} AS wheel
WORKDIR /src
COPY . .
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:${PYTHON} AS serve-install
COPY --from=wheel /wheels /wheels
RUN python -m venv /opt/shelflens \
    && /opt/shelflens/bin/pip install --no-cache-dir "$(echo /wheels/*.whl)[serve,phone,barcode,sign,fast]"

FROM python:${PYTHON} AS watch-install
COPY --from=wheel /wheels /wheels
RUN python -m venv /opt/shelflens \
    && /opt/shelflens/bin/pip install --no-cache-dir "$(echo /wheels/*.whl)[camera,mqtt,barcode,sign,fast]"

FROM python:${PYTHON} AS train-install
ARG JAX=jax[cuda12]
COPY --from=wheel /wheels /wheels
RUN python -m venv /opt/shelflens \
    && /opt/shelflens/bin/pip install --no-cache-dir "$(echo /wheels/*.whl)[train,export]" "${JAX}"

FROM python:${PYTHON} AS base
RUN useradd --system --uid 10001 --groups video --no-create-home --home-dir /data shelflens
COPY --chmod=644 docker/healthcheck.py /opt/healthcheck.py
ENV PATH=/opt/shelflens/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    SHELFLENS_HEALTH=http://127.0.0.1:8080/healthz
WORKDIR /data
USER 10001
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=15s --start-period=20s CMD ["python", "/opt/healthcheck.py"]
ENTRYPOINT ["shelflens"]

FROM base AS watch
COPY --from=watch-install /opt/shelflens /opt/shelflens
CMD ["watch", "/dev/video0", "--catalog", "/data/store.catalog", "--retry", "--http", "0.0.0.0:8080"]

FROM base AS train
COPY --from=train-install /opt/shelflens /opt/shelflens
ENV KERAS_BACKEND=jax
HEALTHCHECK NONE
CMD ["train", "--help"]

FROM base AS serve
COPY --from=serve-install /opt/shelflens /opt/shelflens
CMD ["serve", "--catalog", "/data/store.catalog", "--host", "0.0.0.0", "--port", "8080"]

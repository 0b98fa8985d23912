# A container with everything: docker build -t ccta . && docker run --rm -p 8888:8888 -v "$PWD/build:/home/reader/ccta/build" ccta
# Building this image was not tested by the authors; a test keeps it in step with the project.
FROM python:3.11-slim

# git: the run's record names the commit. make: the same commands as in a checkout.
RUN apt-get update \
    && apt-get install --no-install-recommends --yes git make \
    && rm -rf /var/lib/apt/lists/*

RUN useradd --create-home reader
USER reader
WORKDIR /home/reader/ccta
COPY --chown=reader . .

# The CPU build of torch; for a GPU leave PIP_OPTIONS empty: docker build --build-arg PIP_OPTIONS= .
ARG PIP_OPTIONS="--extra-index-url https://download.pytorch.org/whl/cpu"
RUN python -m venv .venv \
    && .venv/bin/pip install --no-cache-dir ${PIP_OPTIONS} --constraint constraints.txt --editable '.[train,exports,cluster,study,book]'
ENV PATH="/home/reader/ccta/.venv/bin:${PATH}"

EXPOSE 8888
CMD ["jupyter", "lab", "--ip=0.0.0.0", "--no-browser", "book/chapters"]

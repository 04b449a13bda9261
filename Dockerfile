# crosslaw in a container. Everything but training (laws, intervals, allocation, report), 2 minutes on two cores:
#   docker build --target fit -t crosslaw-fit .
#   docker run --rm -v "$PWD:/data" -w /data crosslaw-fit fit --data runs.csv
# With the trainer (LibTorch and CUDA 13 as wheels, 4 GB):
#   docker build -t crosslaw .
#   docker run --rm --gpus all -v "$PWD:/data" -w /data crosslaw run spec.toml
FROM debian:12-slim AS fit
COPY . /src
RUN cd /src && scripts/build.sh --fit-only && cmake --install build --prefix /usr/local && rm -rf /var/lib/apt/lists/* build
ENTRYPOINT ["crosslaw"]

FROM debian:12-slim
COPY . /src
# The wheels stay where the trainer finds their libraries.
ENV CROSSLAW_CACHE=/opt/crosslaw
RUN cd /src && scripts/build.sh && cmake --install build --prefix /usr/local && rm -rf /var/lib/apt/lists/* build
ENTRYPOINT ["crosslaw"]

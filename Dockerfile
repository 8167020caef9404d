# A program that trains on GPUs, with cuBLASLt and NCCL of the base image:
#   docker build -t uer . && docker run --gpus all -v "$PWD:/work" uer pretrain --config_path configs/demo.yaml
# The C library here is older than that of the image below.
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY . .
RUN make build

FROM nvidia/cuda:13.0.0-runtime-ubuntu24.04
COPY --from=build /src/bin/uer /usr/local/bin/uer
COPY configs /usr/share/uer/configs
COPY models /usr/share/uer/models
WORKDIR /work
ENTRYPOINT ["uer"]

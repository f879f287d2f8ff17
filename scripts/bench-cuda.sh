#!/usr/bin/env bash
# What has to be seen on a machine with an NVIDIA GPU: builds from source with CUDA, runs the tests with
# models on the device, and measures pairs of several sizes. Needs nvcc, CMake, a C++ compiler, Node and an
# installed checkout (npm ci); no network. Findings: FOLDER/findings.json. The addon in build/Release is
# replaced; `npm run build:native` brings the usual one back.
# Usage: scripts/bench-cuda.sh [--out FOLDER] [--seconds N] [--cpu]
#   --out      where findings and models go, about 9 GB; default build/bench-cuda
#   --seconds  how long each pair is measured; default 120
#   --cpu      a rehearsal without CUDA, on the processor and with small models
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

out=build/bench-cuda
seconds=120
cpu=false
while (($# > 0)); do
  case $1 in
    --out) out=${2:?--out needs a folder} && shift 2 ;;
    --seconds) seconds=${2:?--seconds needs a number} && shift 2 ;;
    --cpu) cpu=true && shift ;;
    *) echo "unknown: $1; see the head of $0" >&2 && exit 2 ;;
  esac
done
mkdir -p "$out"

cmake_arguments=()
if [[ $cpu == false ]]; then
  command -v nvcc >/dev/null || { echo "nvcc is not in PATH: install the CUDA toolkit" >&2; exit 1; }
  cmake_arguments=(-- -DGGML_CUDA=ON)
  # Of this machine's GPUs alone; llama.cpp would build for all kinds there are.
  if architectures=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null); then
    cmake_arguments+=("-DCMAKE_CUDA_ARCHITECTURES=$(sort -u <<<"${architectures//./}" | paste -sd ';')")
  fi
fi

start=$SECONDS
CMAKE_BUILD_PARALLEL_LEVEL=$(nproc) node scripts/build/main.mjs --source "${cmake_arguments[@]}"
npm run --silent build:ts
BUILD_SECONDS=$((SECONDS - start)) node -e '
  const { execSync } = require("node:child_process");
  const ask = (command) => {
    try {
      return execSync(command, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
    } catch {
      return null;
    }
  };
  const build = {
    seconds: Number(process.env.BUILD_SECONDS),
    nvcc: ask("nvcc --version")?.split("\n").at(-1) ?? null,
    gpus: ask("nvidia-smi --query-gpu=name,memory.total,driver_version,compute_cap --format=csv,noheader"),
  };
  console.log(JSON.stringify(build));
' >"$out/build.json"

rehearsal=()
[[ $cpu == true ]] && rehearsal=(--cpu)
node bench/cuda.mjs --out "$out" --seconds "$seconds" "${rehearsal[@]}"

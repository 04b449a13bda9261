#!/usr/bin/env bash
# Brings a bare Debian 12 or Ubuntu machine to where crosslaw builds: Debian packages, and LibTorch with
# the CUDA 13.0 toolkit from wheels in a cache folder that every checkout shares. Safe to run again.
# The only file written into the checkout is build/setup.cmake, which tells CMake where things are.
#
#   setup.sh            everything: training, tests, checks
#   setup.sh --fit-only what fits, allocates, designs, plans and reports; no LibTorch, no CUDA, no test tools
#
#   CROSSLAW_CACHE    the cache folder (default: $XDG_CACHE_HOME/crosslaw or ~/.cache/crosslaw)
#   CMAKE_PREFIX_PATH an existing LibTorch to use instead of the wheels
#   CUDACXX           the nvcc that goes with that LibTorch (default: the one on PATH)
set -euo pipefail
repository=$(cd "$(dirname "$0")/.." && pwd)
say() { printf 'setup: %s\n' "$*" >&2; }

torch_version=2.11.0
plotly_version=7.1.0
# What preparation asks of Python, and what models are compared with. The last ones are what LibTorch's
# own wheel needs to be imported; they are small, and a second torch would not be.
transformers_version=5.24.0
python_wheels=(
  transformers==$transformers_version tokenizers==0.23.3 pyarrow==26.0.1 sentencepiece==0.2.3 py3langid==0.4.0
  typing_extensions filelock sympy jinja2 networkx fsspec)
cuda_wheels=(
  "cuda-toolkit[nvcc,crt,nvvm,cccl,cublas,cudart,cufft,cufile,cupti,curand,cusolver,cusparse,nvjitlink,nvrtc,nvtx,profiler,culibos]==13.0.2"
  nvidia-cudnn-cu13==9.19.0.56 nvidia-cusparselt-cu13==0.8.0 nvidia-nccl-cu13==2.28.9
  nvidia-nvshmem-cu13==3.4.5)
fit_packages=(
  g++ cmake ninja-build ca-certificates python3-venv
  libceres-dev libeigen3-dev libsqlite3-dev libfmt-dev nlohmann-json3-dev libtomlplusplus-dev
  libcli11-dev libsentencepiece-dev libzstd-dev zlib1g-dev libssl-dev)
developer_packages=(librsvg2-bin ccache git python3 catch2 clang clang-format clang-tidy libclang-rt-dev libomp-dev chromium sqlite3 zstd)
slurm_packages=(slurmctld slurmd slurm-client munge)  # a cluster in miniature, for tests alone

install_debian_packages() {  # packages
  local debian_packages=("$@")
  command -v dpkg-query >/dev/null || {
    say "this is no Debian or Ubuntu machine; install by hand what matches: ${debian_packages[*]}"
    return
  }
  local missing=() package sudo=()
  for package in "${debian_packages[@]}"; do
    [[ $(dpkg-query -W -f='${Status}' "$package" 2>/dev/null) == *"ok installed" ]] || missing+=("$package")
  done
  if ((${#missing[@]} == 0)); then
    say "Debian packages: all ${#debian_packages[@]} are installed"
    return
  fi
  if [[ $(id -u) != 0 ]]; then
    if sudo -n true 2>/dev/null || { [[ -t 0 ]] && command -v sudo >/dev/null; }; then
      sudo=(sudo)
    else
      say "neither root nor sudo: ask an administrator to run"
      say "  apt-get install --no-install-recommends ${missing[*]}"
      exit 1
    fi
  fi
  say "installing ${#missing[@]} Debian packages: ${missing[*]}"
  "${sudo[@]}" apt-get update -qq
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# The wheels go into a folder that is complete exactly when its marker is there.
install_wheels() {  # folder, then one line of pip arguments per parallel download
  local folder=$1 python="$1/bin/python" line pids=() failed=0
  shift
  mkdir -p "$(dirname "$folder")"
  exec 9>"$folder.lock"
  flock 9
  if [[ -e $folder/complete ]]; then return; fi
  say "installing wheels into $folder"
  rm -rf "$folder"
  python3 -m venv "$folder"
  for line in "$@"; do
    # shellcheck disable=SC2086
    "$python" -m pip install --quiet --no-compile --no-warn-conflicts --disable-pip-version-check $line >&2 & pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
  if ((failed)); then
    say "pip failed; mend what it says above and run this again"
    exit 1
  fi
  touch "$folder/complete"
}

# The wheels say lib/ and libcudart.so.13 where nvcc and CMake look for lib64/ and libcudart.so.
link_toolkit_libraries() {
  local root=$1 library plain
  [[ -e $root/lib64 ]] || ln -s lib "$root/lib64"
  for library in "$root"/lib/lib*.so.*; do
    plain=${library%%.so.*}.so
    [[ -e $plain ]] || ln -s "$(basename "$library")" "$plain"
  done
}

existing_libtorch() {
  local IFS=':;' prefix
  for prefix in ${CMAKE_PREFIX_PATH:-}; do
    if [[ -e $prefix/Torch/TorchConfig.cmake ]]; then echo "$prefix/Torch"; return; fi
    if [[ -e $prefix/share/cmake/Torch/TorchConfig.cmake ]]; then echo "$prefix/share/cmake/Torch"; return; fi
  done
}

site_packages() { "$1/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])'; }

# Sets torch_config, and nvcc and cuda_root where there are any.
find_or_install_torch() {  # cache folder
  torch_config=$(existing_libtorch)
  if [[ -n $torch_config ]]; then
    nvcc=${CUDACXX:-$(command -v nvcc || true)}
    say "LibTorch: yours, in $torch_config; nvcc: ${nvcc:-none, so the build has no GPU code}"
    return
  fi
  local folder="$1/torch-$torch_version-cu130" site
  install_wheels "$folder" "${cuda_wheels[*]}" "--no-deps torch==$torch_version"
  site=$(site_packages "$folder")
  torch_config="$site/torch/share/cmake/Torch"
  cuda_root="$site/nvidia/cu13"
  nvcc="$cuda_root/bin/nvcc"
  link_toolkit_libraries "$cuda_root"
  say "LibTorch $torch_version and CUDA 13.0: in $folder"
}

# Python packages in a folder of their own, which borrows the torch of the other one.
install_python_tools() {
  install_wheels "$python_tools" "${python_wheels[*]}"
  [[ -z $torch_config ]] || echo "${torch_config%/torch/share/cmake/Torch}" >"$(site_packages "$python_tools")/torch.pth"
}

# What CMake reads first. An unchanged file keeps its date, so that CMake does not run again.
write_setup_cmake() {
  mkdir -p "$repository/build"
  {
    echo "# Written by scripts/setup.sh."
    echo "set(CROSSLAW_PLOTLY_JS \"$(site_packages "$plotly")/plotly/package_data/plotly.min.js\" CACHE FILEPATH \"\" \${take_over})"
    [[ ! -e $python_tools/complete ]] || echo "set(CROSSLAW_PYTHON \"$python_tools/bin/python\" CACHE FILEPATH \"\" \${take_over})"
    [[ -z $torch_config ]] || echo "set(Torch_DIR \"$torch_config\" CACHE PATH \"\" \${take_over})"
    [[ -z $nvcc ]] || echo "set(CMAKE_CUDA_COMPILER \"$nvcc\" CACHE FILEPATH \"\" \${take_over})"
    if [[ -n $cuda_root ]]; then
      echo "set(CUDAToolkit_ROOT \"$cuda_root\" CACHE PATH \"\" \${take_over})"
      echo "set(CUDA_TOOLKIT_ROOT_DIR \"$cuda_root\" CACHE PATH \"\" \${take_over})"
    fi
  } >"$repository/build/setup.cmake.new"
  if cmp -s "$repository/build/setup.cmake.new" "$repository/build/setup.cmake"; then
    rm "$repository/build/setup.cmake.new"
  else
    mv "$repository/build/setup.cmake.new" "$repository/build/setup.cmake"
  fi
}

main() {
  local cache=${CROSSLAW_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/crosslaw}
  local torch_config="" cuda_root="" nvcc="" plotly="$cache/plotly-$plotly_version"
  local python_tools="$cache/python-transformers-$transformers_version-langid"
  case "$*" in
    "") install_debian_packages "${fit_packages[@]}" "${developer_packages[@]}" "${slurm_packages[@]}"
        find_or_install_torch "$cache"
        install_python_tools ;;
    --fit-only) install_debian_packages "${fit_packages[@]}" ;;
    *) say "usage: scripts/setup.sh [--fit-only]"; exit 2 ;;
  esac
  install_wheels "$plotly" "--no-deps plotly==$plotly_version"
  write_setup_cmake
  if [[ $* == --fit-only ]]; then
    say "ready: scripts/build.sh --fit-only builds crosslaw; scripts/build.sh adds the trainer"
  else
    say "ready: scripts/build.sh builds, scripts/demo.sh runs the demo, scripts/test.sh runs all tests"
  fi
}

main "$@"

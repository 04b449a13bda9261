#!/usr/bin/env bash
# The Python package: a wheel, installed into a clean environment and tested there against build/crosslaw.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=build-python
rm -rf "$folder/environment" "$folder/wheels"
python3 -m venv "$folder/environment"
python="$folder/environment/bin/python"
# The build's own needs stay in the environment: its objects are then found again by the next build.
"$python" -m pip install --quiet --disable-pip-version-check scikit-build-core nanobind numpy pandas tensorboardX
"$python" -m pip wheel --quiet --disable-pip-version-check --no-build-isolation --no-deps -w "$folder/wheels" .
"$python" -m pip install --quiet --disable-pip-version-check --no-deps "$folder"/wheels/crosslaw-*.whl
du -h "$folder"/wheels/crosslaw-*.whl
module=$("$python" -c 'import crosslaw._native as native; print(native.__file__)')
foreign=$(ldd "$module" | grep -Ev 'linux-vdso|ld-linux|lib(stdc\+\+|gcc_s|m|c)\.so' || true)
[[ -z $foreign ]] || echo "the wheel also needs:$foreign" >&2
"$python" tests/apps/python/package_test.py build/crosslaw
"$python" tests/apps/python/follow_test.py build/make_planted_demo

#!/bin/bash
# Builds the extension modules under the address and undefined-behaviour sanitizers in a copy
# of the tree and runs the tests of the native code there.  Usage: tests/asan.sh PYTHON
set -eu
python="$(cd "$(dirname "$1")" && pwd)/$(basename "$1")"
cd "$(dirname "$0")/.."
copy="$PWD/build/asan"
rm -rf "$copy"
mkdir -p "$copy"
tar -cf - --exclude='*.so' --exclude=__pycache__ --exclude=node_modules pyproject.toml README.md LICENSE docs leakhunt \
    tests fixtures | tar -xf - -C "$copy"
cd "$copy"

flags="-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -g -O1"
CFLAGS="$flags" LDFLAGS="-fsanitize=address,undefined" \
    "$python" -W ignore -c 'from setuptools import setup; setup()' --quiet build_ext --inplace

# CPython itself is not instrumented: its blocks come from malloc, its own leaks are not ours.
export PYTHONMALLOC=malloc
export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:handle_segv=1:allocator_may_return_null=1
export UBSAN_OPTIONS=print_stacktrace=1
export LD_PRELOAD="$(gcc -print-file-name=libasan.so):$(gcc -print-file-name=libubsan.so)"
export PYTHONPATH="$copy"
export LEAKHUNT_SANITIZED=1
folders=()
for folder in tests/agent tests/unit/agent tests/unit/tracemalloc_ext tests/unit/store tests/unit/graph tests/unit/interop tests/property \
    tests/fuzz tests/e2e; do
    if [ -d "$folder" ]; then folders+=("$folder"); fi
done
# Hunts in the sanitized interpreter only: the others have agents of their own.
export LEAKHUNT_TEST_PYTHONS="$python"
# A sanitizer reports a segmentation fault instead of dying of it, and needs all address space.
exec "$python" -m pytest -p no:cacheprovider -m "not slow and not bench" --timeout 600 \
    -k "not segfault and not address_space" "${folders[@]}"

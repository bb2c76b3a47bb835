#!/bin/sh
# Prints the path of one CPython for each version asked for (MAJOR.MINOR ...), as far as this
# machine has them: on PATH, or among pyenv's versions.  One line, separated by blanks.
set -eu

# Is $1 an interpreter of version $2 with the default (not free-threaded, not debug) build?
fits() {
    [ -x "$1" ] && "$1" -c "
import sys, sysconfig
sys.exit(not ('%d.%d' % sys.version_info[:2] == '$2' and not getattr(sys, 'abiflags', '')
              and sys.implementation.name == 'cpython'
              and not sysconfig.get_config_var('Py_GIL_DISABLED')))" 2>/dev/null
}

found=""
for version in "$@"; do
    for candidate in \
        "$(command -v "${PYTHON:-python3}" || true)" \
        "$(command -v "python$version" || true)" \
        "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/python3 \
        /usr/bin/python3; do
        if fits "$candidate" "$version"; then
            # A pyenv shim says what it stands for.
            found="$found $("$candidate" -c 'import sys; print(sys.executable)')"
            break
        fi
    done
done
echo "${found# }"

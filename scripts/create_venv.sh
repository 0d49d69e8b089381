#!/bin/sh
# Create the virtual environment $1 with $PYTHON (default python3); install Debian's venv package where we may.
set -eu
folder=$1
python=${PYTHON:-python3}

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "Flask-OCPI needs Python 3.11 or newer. Name one with: make PYTHON=python3.12 ..." >&2
    exit 1
}

if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    root=
    [ "$(id -u)" = 0 ] || root="sudo -n"
    if command -v apt-get >/dev/null && $root true 2>/dev/null; then
        echo "Installing python3-venv with apt-get ..."
        $root apt-get -qq update
        $root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y install python3-venv >/dev/null
    else
        echo "$python cannot create virtual environments. On Debian: apt-get install python3-venv" >&2
        exit 1
    fi
fi

echo "Creating $folder ..."
"$python" -m venv --clear "$folder"

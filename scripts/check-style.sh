#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Formatting and lints that need no kernel: rustfmt, shellcheck, white space.
set -euo pipefail
cd "$(dirname "$0")/.."

need() {
	command -v "$1" >/dev/null || {
		echo "check-style: $1 is missing: apt install $2" >&2
		exit 1
	}
}
need rustfmt rustfmt
need shellcheck shellcheck

# The project's own files: what git tracks, told without git.
files() {
	find . -type d \( -name .git -o -name target -o -name __pycache__ \) -prune -o \
		-type f -not -name bindings_generated.rs -not -name '*.cmd' -not -name '*.o' \
		-not -name "*.ko" -print
}

# rustfmt follows the modules of a crate by itself.
mapfile -t rust < <(files | grep -E '/(appex_main|main|lib)\.rs$')
rustfmt --edition 2021 --check "${rust[@]}"

mapfile -t shell < <(files | while read -r file; do
	case $(head -c 64 "$file" | head -n 1 | tr -d '\0') in
	'#!'*sh | '#!'*sh\ *) echo "$file" ;;
	esac
done)
# SC1091: a sourced file that is found only at run time.
shellcheck -x -P SCRIPTDIR -e SC1091 "${shell[@]}"

if files | tr "\n" "\0" | xargs -0 grep -nIE '[[:space:]]+$' -- |
	grep -vE '^\./(COPYING|[^:]*\.md):'; then
	echo 'check-style: trailing white space' >&2
	exit 1
fi
echo "check-style: fine (${#rust[@]} crates, ${#shell[@]} scripts)"

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

mapfile -t rust < <(git ls-files 'src/appex_main.rs' 'tests/*main.rs' 'tests/*lib.rs')
rustfmt --edition 2021 --check "${rust[@]}"

mapfile -t shell < <(git ls-files | while read -r file; do
	[ -f "$file" ] && head -c 64 "$file" | head -n 1 | grep -qE '^#!.*\b(ba)?sh' && echo "$file"
done)
shellcheck -x "${shell[@]}"

if git grep -nIE '[[:space:]]+$' -- . ':!COPYING' ':!*.md' ':!*.patch'; then
	echo 'check-style: trailing white space' >&2
	exit 1
fi
echo "check-style: fine (${#rust[@]} crates, ${#shell[@]} scripts)"

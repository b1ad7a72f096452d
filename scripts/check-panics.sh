#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# check-panics.sh MODULE: which functions of a built module can panic, that is,
# crash the machine. Functions listed in scripts/panics-excused are excused,
# each with its proof; any other fails the check, and so does a stale excuse.
set -euo pipefail

module=${1:?usage: check-panics.sh path/to/appex.ko}
excused=$(dirname "$0")/panics-excused

# FUNCTION once for each function that refers to core::panicking.
panicking() {
	objdump -dr --no-show-raw-insn "$module" | awk '
		/^[0-9a-f]+ <.*>:$/ { name = substr($2, 2, length($2) - 3) }
		/R_.*core9panicking/ { print name }' | sort -u
}

# A mangled name without crate hashes, which differ between kernels.
strip_hashes() {
	sed -E 's/Cs[0-9A-Za-z]{8,}_/C_/g'
}

found=$(panicking | strip_hashes)
failed=0
while read -r name; do
	[ -n "$name" ] || continue
	matched=
	while read -r pattern _; do
		case $pattern in '' | '#'*) continue ;; esac
		if grep -qE "$pattern" <<<"$name"; then
			matched=1
			break
		fi
	done <"$excused"
	if [ -z "$matched" ]; then
		echo "check-panics: $name can panic: use checked or saturating arithmetic and get()" >&2
		failed=1
	fi
done <<<"$found"

[ "$failed" -eq 0 ] || exit 1
echo "check-panics: fine ($(grep -c . <<<"$found" || true) excused functions)"

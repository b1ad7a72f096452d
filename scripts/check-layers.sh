#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# The architecture's rules that a script can check: where unsafe code, kernel
# types and panics may be, and how long a file may get.
set -euo pipefail
cd "$(dirname "$0")/.."

failed=0

# complain RULE FINDINGS: reports the findings, if any.
complain() {
	if [ -n "$2" ]; then
		printf 'check-layers: %s\n' "$1" >&2
		printf '%s\n' "$2" | sed 's/^/    /' >&2
		failed=1
	fi
}

# Code without comments, as FILE:LINE:TEXT.
code() {
	grep -rnH --include='*.rs' '' "$@" | grep -vE '^[^:]+:[0-9]+:\s*//' || true
}

wiring() {
	find src -name '*.rs' -not -path 'src/sys/*' -not -path 'src/model/*'
}

mapfile -t wiring_files < <(wiring)

complain 'unsafe code belongs in src/sys' \
	"$(code src/model "${wiring_files[@]}" | grep -E '\bunsafe\b' |
		grep -vE 'forbid\(unsafe_code\)|deny\(unsafe_code\)' || true)"
complain 'bindings belong in src/sys' \
	"$(code src/model "${wiring_files[@]}" | grep -E '\bbindings::' || true)"
complain 'src/model knows neither the kernel nor src/sys' \
	"$(code src/model | grep -E '\b(kernel::|crate::(sys|state|proc))' || true)"
complain 'src/sys knows nothing of src/model or of the wiring' \
	"$(code src/sys | grep -E '\bcrate::(model|state|proc|hooks|congestion)' || true)"
complain 'no floating point in the kernel' \
	"$(code src | grep -vE '/tests(/|\.rs)' | grep -E '\bf(32|64)\b' || true)"
complain 'no panics: handle the case or let the packet pass' \
	"$(code src | grep -vE '/tests(/|\.rs)' |
		grep -E '\.(unwrap|expect)\(|\b(panic|todo|unimplemented|unreachable)!' || true)"
complain 'an unsafe block needs a SAFETY comment within the ten lines above' \
	"$(find src/sys -name '*.rs' -exec awk 'FNR == 1 { last = -99 }
		/SAFETY:|# Safety/ { last = FNR }
		/unsafe \{|unsafe impl|unsafe fn|unsafe extern/ && !/^ *\/\// {
			if (FNR - last > 10) print FILENAME ":" FNR ": " $0
		}' {} +)"
complain 'files have at most 400 lines, except tests' \
	"$(find src scripts -type f \( -name '*.rs' -o -name '*.sh' -o -name '*.c' \) \
		-not -name tests.rs -not -path '*/tests/*' -not -name bindings_generated.rs \
		-exec wc -l {} + | awk '$2 != "total" && $1 > 400 { print $2 ": " $1 " lines" }' |
		grep -v '^src/helpers.c:' || true)"
complain 'every source file names its licence' \
	"$(find . -type d \( -name .git -o -name target \) -prune -o -type f \( -name '*.rs' -o -name '*.[ch]' \
		-o -name '*.sh' -o -name '*.py' -o -name Makefile -o -name Kbuild \) \
		-not -name bindings_generated.rs -exec grep -L 'SPDX-License-Identifier' {} + || true)"

[ "$failed" -eq 0 ] || exit 1
echo 'check-layers: fine'

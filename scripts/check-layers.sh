#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# The architecture's rules that a script can check: where unsafe code, kernel
# types and panics may be, that no address is printed, how long a file may get,
# and that the documentation counts the unsafe code as it is.
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
# %pI4 and the like print what a pointer points to, and %% is no pointer.
complain 'no kernel address is printed' \
	"$({
		code src | grep -vE '/tests(/|\.rs)' | grep -E '\{[A-Za-z0-9_.]*:[^A-Za-z{}":]*([A-Za-z0-9_.]+\$)?p\}|\bfmt::Pointer\b' || true
		grep -rnHE --include='*.[ch]' --include='*.rs' '%' src | sed 's/%%//g' |
			grep -E '%[-+ #0-9.*]*p([^IiM]|$|[Ii][^46S])' || true
	})"
complain 'files have at most 400 lines, except tests' \
	"$(find src scripts -type f \( -name '*.rs' -o -name '*.sh' -o -name '*.c' \) \
		-not -name tests.rs -not -path '*/tests/*' -not -name bindings_generated.rs \
		-exec wc -l {} + | awk '$2 != "total" && $1 > 400 { print $2 ": " $1 " lines" }' |
		grep -v '^src/helpers.c:' || true)"
complain 'every source file names its licence' \
	"$(find . -type d \( -name .git -o -name target \) -prune -o -type f \( -name '*.rs' -o -name '*.[ch]' \
		-o -name '*.sh' -o -name '*.py' -o -name Makefile -o -name Kbuild \) \
		-not -name bindings_generated.rs -exec grep -L 'SPDX-License-Identifier' {} + || true)"

# Lines with unsafe code, as "FILE LINES", of the source and of the table that explains them.
count_unsafe() {
	find src -name '*.rs' -exec grep -HcE '^[^/]*\bunsafe\b' {} + | sed -n 's|^src/sys/\(.*\):\([1-9][0-9]*\)$|\1 \2|p' | sort
}
listed_unsafe() {
	# shellcheck disable=SC2016 # backquotes of the text
	sed -n '/^Unsafe code$/,/^What the wrappers/s/^``\([^`]*\.rs\)`` *\([0-9]*\) .*/\1 \2/p' Documentation/safety.rst | sort
}
complain 'safety.rst counts other lines of unsafe code; these are right' \
	"$(comm -23 <(count_unsafe) <(listed_unsafe))"
complain 'safety.rst lists lines of unsafe code that are not there' \
	"$(comm -13 <(count_unsafe) <(listed_unsafe))"
sum=$(count_unsafe | awk '{ n += $2 } END { print n + 0 " lines of `src/sys` have the word, in " NR " files" }')
complain "reliability.md has another total; this is right: $sum" \
	"$(grep -qF "$sum" Documentation/reliability.md || grep -nE 'lines of .src/sys. have the word' Documentation/reliability.md ||
		echo 'no such sentence')"

[ "$failed" -eq 0 ] || exit 1
echo 'check-layers: fine'

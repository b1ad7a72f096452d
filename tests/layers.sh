#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# scripts/check-layers.sh finds nothing here, and in a copy finds what is planted, for each of its rules.
set -euo pipefail
cd "$(dirname "$0")/.."

passed=0
failed=0
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT

result() { # STATUS NAME LOG
	if [ "$1" -eq 0 ]; then
		passed=$((passed + 1))
		echo "ok - $2"
	else
		failed=$((failed + 1))
		echo "not ok - $2"
		sed 's/^/#   /' "$3"
	fi
}

# planted NAME PATTERN: the check of the copy must fail, and say so with a line that has PATTERN.
planted() {
	local status=0
	if "$copy/scripts/check-layers.sh" >"$copy/log" 2>&1 || ! grep -qE "$2" "$copy/log"; then status=1; fi
	result "$status" "$1 is found" "$copy/log"
}

status=0
scripts/check-layers.sh >"$copy/log" 2>&1 || status=1
result "$status" "the layers are as they should be" "$copy/log"

mkdir "$copy/Documentation"
cp -r src scripts "$copy"
cp Documentation/safety.rst Documentation/reliability.md "$copy/Documentation"
# What is planted; a FILE of the copy, the LINE that it gets at its end, and a PATTERN of what has to be said.
while IFS='^' read -r name file line pattern; do
	cp "$file" "$copy/$file"
	printf '%s\n' "$line" >>"$copy/$file"
	planted "$name" "$pattern"
	cp "$file" "$copy/$file"
done <<'PLANTED'
unsafe code in the wiring^src/flows.rs^fn f() { unsafe { g() } }^^ +src/flows.rs:.*unsafe
unsafe code in the model^src/model/near.rs^unsafe fn f() {}^^ +src/model/near.rs:.*unsafe
bindings in the wiring^src/near.rs^use crate::sys::bindings::sock;^^ +src/near.rs:.*bindings
the kernel in the model^src/model/near.rs^use kernel::prelude::*;^^ +src/model/near.rs:.*kernel
the model in src/sys^src/sys/time.rs^use crate::model::near;^^ +src/sys/time.rs:.*model
floating point^src/near.rs^const F: f32 = 1.0;^^ +src/near.rs:.*f32
a panic^src/near.rs^fn f() { None.unwrap() }^^ +src/near.rs:.*unwrap
an unsafe block without its reason^src/sys/mod.rs^fn f() { unsafe { g() } }^SAFETY comment
a pointer as Rust prints it^src/near.rs^fn f() { pr_info!("{:p}", p); }^^ +src/near.rs:.*\{:p\}
one with a name and a width^src/near.rs^fn f() { pr_info!("{at:#018p}", p); }^^ +src/near.rs:.*018p
a pointer as C prints it^src/helpers.c^void f(void) { pr_info("%p\n", f); }^^ +src/helpers.c:.*%p
an unhashed one^src/helpers.c^void f(void) { pr_info("at %px\n", f); }^^ +src/helpers.c:.*%px
a symbol's address, right-aligned^src/helpers.c^void f(void) { pr_info("%20pS\n", f); }^^ +src/helpers.c:.*%20pS
PLANTED
# Not at the end of a file.
printf '\n//\n%.0s' {1..300} >>"$copy/src/near.rs"
planted "a file that is too long" '^ +src/near.rs: [0-9]+ lines'
grep -v SPDX src/near.rs >"$copy/src/near.rs"
planted "a file without a licence" '^ +\./src/near.rs$'
cp src/near.rs "$copy/src/near.rs"
sed -i 's/^\(..time\.rs.. *\)4 /\19 /' "$copy/Documentation/safety.rst"
planted "a wrong number in the table of unsafe code" '^ +time.rs 4$'
sed -i '/^..time\.rs../d' "$copy/Documentation/safety.rst"
planted "a file that is missing there" '^ +time.rs 4$'
cp Documentation/safety.rst "$copy/Documentation"
sed -i 's/^[0-9]* \(lines of .src.sys. have\)/7 \1/' "$copy/Documentation/reliability.md"
planted "a wrong total" 'this is right: [1-9][0-9]+ lines of .* in [1-9][0-9]+ files'
# An address that a pointer points to is no secret, nor is a per cent sign.
cp -r Documentation/safety.rst Documentation/reliability.md "$copy/Documentation"
echo 'void f(void) { pr_info("%pI4 %pI6c %pM 5%%p", f); }' >>"$copy/src/helpers.c"
status=0
"$copy/scripts/check-layers.sh" >"$copy/log" 2>&1 || status=1
result "$status" "what pointers point to may be printed" "$copy/log"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]

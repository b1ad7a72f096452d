#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# The module builds without a warning for every kernel of the lab, with gcc and
# with clang, with clippy's approval, and with no panic on the packet path.
# Runs inside the lab's tree (tests/lab/enter tests/build.sh); leaves the built
# modules in /lab/build/module/KERNEL/appex.ko for the other tests.
set -euo pipefail
cd "$(dirname "$0")/.."

passed=0
failed=0
out=/lab/build/module

result() { # STATUS NAME [LOG]
	if [ "$1" -eq 0 ]; then
		passed=$((passed + 1))
		echo "ok - $2"
	else
		failed=$((failed + 1))
		echo "not ok - $2"
		[ -z "${3-}" ] || grep -E 'error|warning|Error' -A6 "$3" | head -n 40 | sed 's/^/#   /'
	fi
}

# build NAME KDIR [MAKE ARGUMENT...]: warnings are errors.
build() {
	local name=$1 kdir=$2 log status=0
	shift 2
	mkdir -p "$out/$name"
	log=$out/$name.log
	nice make -j"$(nproc)" KDIR="$kdir" OUT="$out/$name" APPEX_WERROR=1 W=1 "$@" >"$log" 2>&1 || status=$?
	if [ "$status" -eq 0 ] && grep -qE '(^|: )warning:' "$log"; then status=1; fi
	result "$status" "$name builds without a warning" "$log"
	return "$status"
}

panics() { # NAME
	local status=0
	scripts/check-panics.sh "$out/$1/appex.ko" >"$out/$1.panics" 2>&1 || status=$?
	[ "$status" -eq 0 ] || sed 's/^/#   /' "$out/$1.panics"
	result "$status" "$1: no function on the packet path can panic"
}

# Stock kernels: every one whose headers have Rust metadata.
stock=0
for kdir in /usr/src/linux-headers-*; do
	[ "$(scripts/rust-available.sh "$kdir" 2>/dev/null)" = y ] || continue
	name=${kdir##*/linux-headers-}
	if build "$name" "$kdir"; then
		stock=$((stock + 1))
		panics "$name"
		version=$(modinfo -F vermagic "$out/$name/appex.ko" | cut -d' ' -f1)
		[ "$version" = "$name" ] && status=0 || status=1
		result "$status" "$name: the module says it is for $name"
	fi
done
[ "$stock" -ge 2 ] && status=0 || status=1
result "$status" "at least two stock kernels with Rust ($stock)"

# User-mode kernels, plain and debug.
for name in uml uml-kasan uml-lockdep; do
	[ -e "/lab/build/$name/linux" ] || continue
	build "$name" "/lab/build/$name" || true
done
if [ -e /lab/build/uml/linux ]; then
	panics uml
	build uml-selftest /lab/build/uml APPEX_SELFTEST=1 || true
	build uml-clippy /lab/build/uml CLIPPY=1 || true
	# Nothing changed: nothing is built.
	again=$(make KDIR=/lab/build/uml OUT="$out/uml" APPEX_WERROR=1 W=1 2>&1) || true
	if grep -qE 'RUSTC|CC \[M\]|BINDGEN' <<<"$again"; then status=1; else status=0; fi
	result "$status" "a second make builds nothing"
fi

# Self-check: a warning and a panic are found.
broken=$(mktemp -d)
trap 'rm -rf "$broken"' EXIT
cp -r Makefile Kbuild dkms.conf src scripts "$broken"
echo 'fn never_called() {}' >>"$broken/src/flows.rs"
if make -C "$broken" KDIR=/lab/build/uml OUT="$broken/out" APPEX_WERROR=1 >"$broken/log" 2>&1; then status=1; else status=0; fi
result "$status" "self-check: unused code fails the build"
cp src/flows.rs "$broken/src/flows.rs"
sed -i 's/    Counter::Of(family, metric) => .*/&/; s/engine\.saturating_mul(COUNTERS as u32)/engine * 3/; s/^    engine$/    (engine * 3)/' \
	"$broken/src/state.rs"
if make -C "$broken" KDIR=/lab/build/uml OUT="$broken/out" >"$broken/log" 2>&1 &&
	! scripts/check-panics.sh "$broken/out/appex.ko" >/dev/null 2>&1; then status=0; else status=1; fi
result "$status" "self-check: arithmetic that can overflow is found" "$broken/log"

# A kernel without Rust is refused with a reason that names one with it.
mkdir "$broken/norust"
echo '# CONFIG_RUST is not set' >"$broken/norust/.config"
if reason=$(make KDIR="$broken/norust" 2>&1); then status=1; else
	grep -q 'CONFIG_RUST' <<<"$reason" && grep -q 'backports' <<<"$reason" && status=0 || status=1
fi
result "$status" "a kernel without Rust is refused by name"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]

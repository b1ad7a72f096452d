# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Host side of the virtual machine runner: where things are, messages. Sourced, never run.
#
# Everything that is made lives in $VM_DIR, outside the repository, and in $VM_DEBUG. Inside the lab's tree the same
# directories are /lab/build/vm and /lab/build/vm-debug.
#
# shellcheck disable=SC2034 # used by the scripts that source this file

VM_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd -P)
VM_ENTER=$VM_TOP/tests/lab/enter
if [ "${APPEX_IN_TREE-}" = 1 ]; then
	VM_TREE=
	VM_DIR=/lab/build/vm
	VM_DEBUG=/lab/build/vm-debug
else
	VM_TREE=${APPEX_CACHE:-/var/cache/appex}/tree
	VM_DIR=${APPEX_CACHE:-/var/cache/appex}/build/vm
	VM_DEBUG=${APPEX_CACHE:-/var/cache/appex}/build/vm-debug
fi

# The runner's own failures exit with 125, so that they are never taken for the guest's.
vm_say() { printf 'vm: %s\n' "$*" >&2; }
vm_die() {
	vm_say "error: $*"
	exit 125
}

# vm_kernel FLAVOUR: the newest release of that flavour. "cloud" is what the lab installs; "generic" is
# the same source built with drivers for real hardware, e1000 among them, which cloud lacks.
# kcsan and locks are those of tests/vm/debug/kernel. A full release name stands for itself.
vm_kernel() {
	local cloud
	case $1 in
	kcsan | locks)
		cat "$VM_DEBUG/$1/include/config/kernel.release" 2>/dev/null || vm_die "no such kernel yet: tests/vm/debug/kernel $1"
		;;
	cloud | generic)
		cloud=$(find "$VM_TREE/lib/modules/" -mindepth 1 -maxdepth 1 -name '*-cloud-amd64' -printf '%f\n' |
			sort -V | tail -n 1)
		[ -n "$cloud" ] || vm_die "no cloud-amd64 kernel in the lab's tree: run 'make lab' first"
		if [ "$1" = cloud ]; then echo "$cloud"; else echo "${cloud/-cloud-/-}"; fi
		;;
	*) echo "$1" ;;
	esac
}

# vm_arch RELEASE: amd64, or for Debian's *-arm64 and *-arm64-16k arm64.
vm_arch() {
	case $1 in
	*-arm64*) echo arm64 ;;
	*) echo amd64 ;;
	esac
}

# vm_debug RELEASE: the name of the debug kernel that has this release name; fails for others.
vm_debug() {
	case $1 in
	*-kcsan | *-locks) echo "${1##*-}" ;;
	*) return 1 ;;
	esac
}

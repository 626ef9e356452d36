#!/usr/bin/env bash
# Checks each model in each configuration with spin, all states of it; then each with one rule of the code
# broken, a mutant, in which spin must find an error. Needs spin and a C compiler.
set -euo pipefail
cd "$(dirname "$0")"
models=$PWD

# check holds|breaks MODEL [-DNAME...]
check() {
	local want=$1 model=$2 out errors states
	shift 2
	folder=$(mktemp -d)
	trap 'rm -rf "$folder"' EXIT
	cd "$folder"
	spin -a "$@" "$models/$model.pml" >spin.out 2>&1 || { cat spin.out; exit 1; }
	cc -w "${OPTIMISE:--O2}" -DSAFETY -DCOLLAPSE -DMEMLIM=1500 -o pan pan.c
	out=$(./pan -m200000 -n)
	errors=$(sed -n 's/.*errors: //p' <<<"$out")
	states=$(sed -n 's/ states, stored.*//p' <<<"$out")
	printf '%-6s %s %s: %s states, %s errors\n' "$want" "$model" "$*" "${states// /}" "$errors"
	grep -qE 'out of memory|max search depth too small|hash conflicts.*resolved by loss' <<<"$out" && { echo "$model $*: not all states were seen"; exit 1; }
	case $want,$errors in holds,0 | breaks,1) ;; *) echo "$model $*: wanted that it $want"; exit 1 ;; esac
}

if [ $# -gt 0 ]; then
	check "$@"
	exit
fi

export OPTIMISE=-O0 # what compiling takes longer at -O2 is more than what it saves in these
xargs -P "$(nproc)" -I{} bash -c "./check.sh {}" <<'CONFIGURATIONS'
holds slot -DCALLS=5
holds slot -DCALLS=4 -DROOM=2
holds slot -DCALLS=4 -DNUMBERED=1
holds slot -DS=1 -DCALLS=4 -DNOTES -DNUMBERED=1
holds slot -DCALLS=4 -DNOTES
holds slot -DS=1 -DCALLS=7
holds slot -DS=1 -DP=3 -DCALLS=4
holds slot -DS=1 -DCALLS=5 -DLARGE
holds slot -DCALLS=4 -DLARGE
holds seize -DCLOSERS=0
holds seize -DCHANGERS=0
holds seize -DCHANGERS=0 -DCLOSERS=0 -DDRAINERS=2
holds seize -DPORTABLE -DCLOSERS=0
holds seize -DPORTABLE -DCHANGERS=0
breaks slot -DCALLS=4 -DFREE_BY_STORE_OF_OTHERS
breaks slot -DCALLS=4 -DPASS_BY_STORE
breaks slot -DCALLS=4 -DSETTLE_AT_ONCE
breaks slot -DCALLS=4 -DNO_LOOK_AT_SETTLE
breaks slot -DS=1 -DCALLS=6 -DNO_LOOK_AT_ENTRY
breaks slot -DS=1 -DCALLS=6 -DUNTAGGED
breaks slot -DS=1 -DCALLS=6 -DASIDE_TWICE
breaks slot -DS=1 -DCALLS=5 -DDISOWN_OTHERS
breaks slot -DCALLS=4 -DRETURN_UNLOCKED
breaks slot -DCALLS=4 -DEND_HELD
breaks slot -DCALLS=3 -DNOTES -DNOTE_BY_STORE
breaks slot -DCALLS=3 -DNOTES -DNOTED_OWNED
breaks slot -DS=1 -DCALLS=6 -DSPAN_ENDS_MEANWHILE
breaks slot -DS=1 -DP=3 -DCALLS=6 -DSPAN_ENDS_PASSING
breaks seize -DCLOSERS=0 -DSTORE_AFTER_STOP
breaks seize -DCLOSERS=0 -DRESTORE_EARLY
breaks seize -DCLOSERS=0 -DNO_STOP
breaks seize -DCLOSERS=0 -DJOIN_BLINDLY
breaks seize -DCHANGERS=0 -DCLOSERS=0 -DDRAINERS=2 -DDRAIN_UNLOCKED
breaks seize -DPORTABLE -DCLOSERS=0 -DNO_STOP
breaks seize -DPORTABLE -DCLOSERS=0 -DRESTORE_EARLY
CONFIGURATIONS

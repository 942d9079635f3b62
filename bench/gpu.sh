#!/usr/bin/env bash
# Every test and bench that needs a GPU, in under 9 minutes: bench/gpu.sh [--dry-run] WHEELS OUT [SHARED]
#
# python3 has torch for the GPU. WHEELS is a folder with the wheels of requirements.lock that python3 lacks;
# nothing is fetched, and machine.json says what is missing. SHARED is the folder with real clips and weights,
# where ../shared is missing. Each step has a limit of its own, and one that fails or takes too long costs no
# other. OUT has JSON of each part as soon as it is measured, steps.jsonl (how each step ended) and log.txt.
set -u

DRY=
if [ "${1:-}" = --dry-run ]; then DRY=1; shift; fi
if [ $# -lt 2 ]; then
	echo "say where wheels are and where JSON goes: bench/gpu.sh [--dry-run] WHEELS OUT [SHARED]" >&2
	exit 2
fi
WHEELS=$(realpath -m "$1") OUT=$(realpath -m "$2") SHARED=${3:+$(realpath -m "$3")}
cd "$(dirname "$0")/.." || exit 2
ENVIRONMENT=${TMPDIR:-/tmp}/vaengine-gpu-environment
FAILED=0

# step NAME SECONDS COMMAND...: with --dry-run it says so, and does nothing
step() {
	local name=$1 limit_s=$2 began=$SECONDS code
	shift 2
	if [ -n "$DRY" ]; then printf '%s\t%s\t%s\n' "$name" "$limit_s" "$*"; return; fi
	echo "== $name, $limit_s s at most" | tee -a "$OUT/log.txt"
	timeout --kill-after=5 "$limit_s" "$@" >>"$OUT/log.txt" 2>&1
	code=$?
	[ "$code" = 0 ] || FAILED=1
	printf '{"step": "%s", "limit_s": %d, "seconds": %d, "exit": %d}\n' \
		"$name" "$limit_s" $((SECONDS - began)) "$code" | tee -a "$OUT/steps.jsonl"
}

# part NAME SECONDS: a part of bench/cases/gpu.py
part() { step "$1" "$2" python3 -m bench.cases.gpu "$1" "$OUT/$1.json"; }

if [ -z "$DRY" ]; then
	mkdir -p "$OUT"
	rm -f "$OUT"/log.txt "$OUT"/steps.jsonl
	if [ -n "$SHARED" ] && [ ! -e ../shared ]; then ln -s "$SHARED" ../shared; fi
fi
# Tests fail rather than skip. A folder, no virtual environment: python3 may itself be in one, with its torch.
export GPU_JOB=1 PYTHONPATH=$PWD:$ENVIRONMENT PYTHONUNBUFFERED=1

step environment 65 \
	python3 -m pip install --quiet --no-index --no-deps --upgrade --target "$ENVIRONMENT" "$WHEELS"/*.whl
part machine 15
part tests 100
part model 75
part faces 50
part overlap 15
part engine 125
part balanced 45
exit "$FAILED"

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# run.sh SUITE… - run test suites one after the other, all of them even if one fails, and end with
# one line that adds up what the runners counted. Exit 1 if a test failed or a suite could not run.
set -uo pipefail
cd "$(dirname "$0")/.."

build=build
passed=0
failed=0
absent=()

# Some hosts have another python3 first in PATH; the tests use Debian's modules.
python=/usr/bin/python3
pytest=("$python" -B -m pytest -p no:cacheprovider -q -rfEs --tb=short)

# What a fuzzer gets: a smoke run finds a broken parser, a long hunt is run by hand.
fuzz_runs=${FUZZ_RUNS:-20000}
fuzz_seconds=${FUZZ_SECONDS:-10}
pcaps=${SOCKWHY_PCAPS:-../shared/pcaps}

suite_count()
{
	passed=$((passed + $1))
	failed=$((failed + $2))
}

# "12 passed, 1 failed, 2 errors in 0.3s": pytest's last line, in any colour or order.
pytest_number()
{
	grep -oE "[0-9]+ $1" <<<"$2" | grep -oE '^[0-9]+' || echo 0
}

suite_pytest()
{
	local name=$1 log=$build/log/$1.log status last
	if [ -z "$(find "tests/$name" -name 'test_*.py' -print -quit 2>/dev/null)" ]; then
		absent+=("$name: no test_*.py in tests/$name")
		return
	fi
	"${pytest[@]}" "tests/$name" 2>&1 | tee "$log"
	status=${PIPESTATUS[0]}
	last=$(grep -E ' in [0-9.]+s' "$log" | tail -n 1)
	suite_count "$(pytest_number passed "$last")" \
		$(($(pytest_number failed "$last") + $(pytest_number 'errors?' "$last")))
	if [ "$status" != 0 ] && ! grep -qE '[0-9]+ (failed|error)' <<<"$last"; then
		echo "$name: pytest ended with status $status"
		suite_count 0 1
	fi
}

# cmocka programs: "[  PASSED  ] 3 test(s)." and "[  FAILED  ] 1 test(s)"; no line at all is a crash.
suite_programs()
{
	local name=$1 source program log status good bad
	shift
	for source in "$@"; do
		program=$(basename "$source" .c)
		log=$build/log/$program.log
		case $name in
		unit) timeout 120 "$build/san/tests/unit/$program" ;;
		bpf) timeout 120 "$build/tests/bpf/$program" ;;
		esac >"$log" 2>&1
		status=$?
		good=$(sed -nE 's/^\[  PASSED  \] ([0-9]+) test.*/\1/p' "$log" | tail -n 1)
		bad=$(sed -nE 's/^\[  FAILED  \] ([0-9]+) test.*/\1/p' "$log" | tail -n 1)
		if [ "$status" != 0 ] || [ -z "$good" ]; then
			cat "$log"
			[ -n "$bad" ] && [ "$bad" != 0 ] || bad=1
			echo "$name/$program: status $status"
		else
			grep -E '^\[  SKIPPED ' "$log"
			echo "$name/$program: $(grep '^\[  PASSED  \]' "$log" | tail -n 1)"
		fi
		suite_count "${good:-0}" "${bad:-0}"
	done
}

suite_unit()
{
	local sources=() source
	for source in tests/unit/*_test.c; do
		# the replays are a suite of their own
		[ "$source" = tests/unit/replay_test.c ] || sources+=("$source")
	done
	suite_programs unit "${sources[@]}"
}

# Every case in tests/replay/cases: records as text, and the finding they must give; the same
# through the program, and real captures where they are.
suite_replay()
{
	suite_programs unit tests/unit/replay_test.c
	suite_pytest replay
}

suite_fuzz()
{
	local sources=(tests/fuzz/*_fuzz.c) source name log work seeds
	if [ ! -e "${sources[0]}" ]; then
		absent+=("fuzz: no *_fuzz.c in tests/fuzz")
		return
	fi
	for source in "${sources[@]}"; do
		name=$(basename "$source" _fuzz.c)
		log=$build/log/${name}_fuzz.log
		# what the fuzzer finds goes to the first folder: not among the committed seeds
		work=$build/fuzz/corpus/$name
		mkdir -p "$work"
		seeds=(tests/fuzz/seeds/"$name")
		[ -d "${seeds[0]}" ] || seeds=()
		# real captures, read in place; of long ones the first 64 KiB
		[ "$name" = capture ] && [ -d "$pcaps" ] && seeds+=("$pcaps")
		if "$build/fuzz/tests/fuzz/${name}_fuzz" -runs="$fuzz_runs" \
			-max_total_time="$fuzz_seconds" -max_len=65536 -timeout=10 -rss_limit_mb=2048 \
			-artifact_prefix="$build/fuzz/" "$work" "${seeds[@]}" >"$log" 2>&1; then
			echo "fuzz/$name: $(grep -E '^Done ' "$log" | tail -n 1)"
			suite_count 1 0
		else
			tail -n 40 "$log"
			echo "fuzz/$name: failed; whole log in $log"
			suite_count 0 1
		fi
	done
}

suite_root()
{
	local name=$1 sources=(tests/"$1"/*_test.c)
	if [ "$(id -u)" != 0 ]; then
		echo "$name: needs root: sudo make test-$name"
		suite_count 0 1
		return
	fi
	[ ! -e "${sources[0]}" ] || suite_programs "$name" "${sources[@]}"
	if [ ! -e "${sources[0]}" ] || compgen -G "tests/$name/test_*.py" >/dev/null; then
		suite_pytest "$name"
	fi
}

mkdir -p "$build/log"
for suite in "$@"; do
	echo "== $suite"
	case $suite in
	unit | replay | fuzz) "suite_$suite" ;;
	cli | check | agree) suite_pytest "$suite" ;;
	bpf | live) suite_root "$suite" ;;
	*)
		echo "run.sh: unknown suite '$suite'" >&2
		exit 2
		;;
	esac
done

for line in ${absent[@]+"${absent[@]}"}; do
	echo "absent: $line"
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# run.sh SUITE… [+ SUITE…]… - run test suites, all of them even if one fails, and end with how long each took and one line
# that adds up what the runners counted. Suites behind a + run beside those before it: then each says what it has to say
# when it ends. Exit 1 if a test failed or a suite could not run. What each said stays in build/log/SUITE.log.
# Tests of live traffic share a machine with whatever else happens on it: up to three of a suite that failed get a second turn, alone,
# when all else is done. Who passes then is counted as passed, and named in the last lines: it is owed an explanation.
set -uo pipefail
cd "$(dirname "$0")/.."

build=build
log=$build/log

# Some hosts have another python3 first in PATH; the tests use Debian's modules.
python=/usr/bin/python3
pytest=("$python" -B -m pytest -q -rfEs --tb=short)

# What a fuzzer gets: a smoke run finds a broken parser, make fuzz is the long hunt.
fuzz_runs=${FUZZ_RUNS:-20000}
fuzz_seconds=${FUZZ_SECONDS:-10}
pcaps=${SOCKWHY_PCAPS:-../shared/pcaps}
# what the suite check asks clang-tidy about: what changed, or all of user/
export TIDY=${TIDY:-changed}

# passed, failed; suites run in processes of their own
suite_count()
{
	echo "$1 $2" >>"$log/counts"
}

# "12 passed, 1 failed, 2 errors in 0.3s": pytest's last line, in any colour or order.
pytest_number()
{
	grep -oE "[0-9]+ $1" <<<"$2" | grep -oE '^[0-9]+' || echo 0
}

suite_pytest()
{
	local name=$1 said=$log/pytest-$1.log status last
	if [ -z "$(find "tests/$name" -name 'test_*.py' -print -quit 2>/dev/null)" ]; then
		echo "absent: $name: no test_*.py in tests/$name" | tee -a "$log/notes"
		return
	fi
	"${pytest[@]}" -o cache_dir="$PWD/$log/failed-$name" "tests/$name" 2>&1 | tee "$said"
	status=${PIPESTATUS[0]}
	last=$(grep -E ' in [0-9.]+s' "$said" | tail -n 1)
	suite_count "$(pytest_number passed "$last")" \
		$(($(pytest_number failed "$last") + $(pytest_number 'errors?' "$last")))
	if [ "$status" != 0 ] && ! grep -qE '[0-9]+ (failed|error)' <<<"$last"; then
		echo "$name: pytest ended with status $status"
		suite_count 0 1
	fi
}

# Second turns, of suites that play live traffic and failed in few tests.
second_turns()
{
	local name said failed last passed
	for name in lab live faults; do
		said=$log/pytest-$name.log
		[ -e "$log/failed-$name" ] || continue
		failed=$(pytest_number failed "$(grep -E ' in [0-9.]+s' "$said" | tail -n 1)")
		[ "$failed" -ge 1 ] && [ "$failed" -le 3 ] || continue
		echo "== $name, second turn"
		said=$log/second-$name.log
		"${pytest[@]}" -n0 -rpfEs -o cache_dir="$PWD/$log/failed-$name" --last-failed "tests/$name" 2>&1 | tee "$said"
		last=$(grep -E ' in [0-9.]+s' "$said" | tail -n 1)
		passed=$(pytest_number passed "$last")
		suite_count "$passed" "-$passed"
		sed -n 's/^PASSED /passed in its second turn only: /p' "$said" >>"$log/notes"
	done
}

# cmocka programs: "[  PASSED  ] 3 test(s)." and "[  FAILED  ] 1 test(s)"; no line at all is a crash.
suite_programs()
{
	local name=$1 source program said status good bad
	shift
	for source in "$@"; do
		program=$(basename "$source" .c)
		said=$log/$program.log
		case $name in
		unit) timeout 120 "$build/san/tests/unit/$program" ;;
		bpf) timeout 120 "$build/tests/bpf/$program" ;;
		esac >"$said" 2>&1
		status=$?
		good=$(sed -nE 's/^\[  PASSED  \] ([0-9]+) test.*/\1/p' "$said" | tail -n 1)
		bad=$(sed -nE 's/^\[  FAILED  \] ([0-9]+) test.*/\1/p' "$said" | tail -n 1)
		if [ "$status" != 0 ] || [ -z "$good" ]; then
			cat "$said"
			[ -n "$bad" ] && [ "$bad" != 0 ] || bad=1
			echo "$name/$program: status $status"
		else
			grep -E '^\[  SKIPPED ' "$said"
			echo "$name/$program: $(grep '^\[  PASSED  \]' "$said" | tail -n 1)"
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
	local sources=(tests/fuzz/*_fuzz.c)
	if [ ! -e "${sources[0]}" ]; then
		echo "absent: fuzz: no *_fuzz.c in tests/fuzz" | tee -a "$log/notes"
		return
	fi
	# one thread each: as many at a time as there are CPUs
	export -f fuzz_one suite_count
	export build log pcaps fuzz_runs fuzz_seconds
	printf '%s\n' "${sources[@]}" | xargs -P "$(nproc)" -I{} bash -c 'fuzz_one "$1"' fuzz {}
}

fuzz_one()
{
	local name work seeds said
	name=$(basename "$1" _fuzz.c)
	said=$log/${name}_fuzz.log
	# what the fuzzer finds goes to the first folder: not among the committed seeds
	work=$build/fuzz/corpus/$name
	mkdir -p "$work"
	seeds=(tests/fuzz/seeds/"$name")
	[ -d "${seeds[0]}" ] || seeds=()
	# real captures, read in place; of long ones the first 64 KiB
	[ "$name" = capture ] && [ -d "$pcaps" ] && seeds+=("$pcaps")
	if "$build/fuzz/tests/fuzz/${name}_fuzz" -runs="$fuzz_runs" \
		-max_total_time="$fuzz_seconds" -max_len=65536 -timeout=10 -rss_limit_mb=2048 \
		-artifact_prefix="$build/fuzz/" "$work" "${seeds[@]}" >"$said" 2>&1; then
		echo "fuzz/$name: $(grep -E '^Done ' "$said" | tail -n 1)"
		suite_count 1 0
	else
		tail -n 40 "$said"
		echo "fuzz/$name: failed; whole log in $said"
		suite_count 0 1
	fi
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

# A target of the Makefile as a suite: what the suites behind it need.
suite_make()
{
	if make -k -j"$(nproc)" "$1"; then
		suite_count 1 0
	else
		echo "make $1: failed"
		suite_count 0 1
	fi
}

suite_run()
{
	local began=$SECONDS took
	echo "== $1"
	case $1 in
	unit | replay | fuzz) "suite_$1" ;;
	cli | check | agree) suite_pytest "$1" ;;
	bpf | lab | live | faults | package) suite_root "$1" ;;
	tests-build) suite_make "$1" ;;
	esac
	took=$((SECONDS - began))
	echo "== $1: $took s"
	printf '  %4d s, from %4d s on: %s\n' "$took" "$began" "$1" >>"$log/times"
}

# Suites one after the other, beside those of other lanes. What needs root looks at when something
# happened: the rest has the time that it leaves, and no more.
lane_run()
{
	local suite
	[[ " $* " =~ \ (bpf|lab|live|faults)\  ]] || chrt --idle --pid 0 "$BASHPID"
	for suite in "$@"; do
		suite_run "$suite" >"$log/$suite.log" 2>&1
		flock "$log/counts" cat "$log/$suite.log"
	done
}

mkdir -p "$log"
rm -rf "$log/notes" "$log"/failed-*
: >"$log/counts"
: >"$log/times"
lane=()
for suite in "$@" +; do
	case $suite in
	unit | replay | fuzz | cli | check | agree | bpf | lab | live | faults | package | tests-build) lane+=("$suite") ;;
	+)
		if [[ $* != *+* ]]; then
			for suite in "${lane[@]}"; do
				suite_run "$suite" 2>&1 | tee "$log/$suite.log"
			done
			break
		fi
		lane_run "${lane[@]}" &
		lane=()
		;;
	*)
		echo "run.sh: unknown suite '$suite'" >&2
		exit 2
		;;
	esac
done
wait
second_turns

sort -k4n "$log/times"
[ ! -e "$log/notes" ] || cat "$log/notes"
awk '{ passed += $1; failed += $2 } END { print passed + 0 " passed, " failed + 0 " failed"; exit failed > 0 }' "$log/counts"

# The parts of tests/run, sourced by it. Each adds to the three totals; a build that fails counts
# as one failed test, so that the last line can never look better than the run was.
passed=0
failed=0
skipped=0
started=$SECONDS
jobs=${CULVERT_JOBS:-$(nproc)}
log_dir=build/logs
mkdir -p "$log_dir"
# The compiler cache hits in every checkout, wherever it lies.
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1

say() { printf '\n== %s (%d s)\n' "$*" $((SECONDS - started)); }

count() { # count <passed> <failed> <skipped>
  passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
}

# build <dir> <type> <compiler> <targets...>: configures and builds; the log is shown on failure.
build() {
  local dir=$1 type=$2 compiler=$3
  shift 3
  local log="$log_dir/build-${dir##*/}.log"
  say "build $type with $compiler"
  # A cache that names another compiler would make CMake forget the other settings, the type too.
  rm -f "$dir/CMakeCache.txt"
  if ! cmake -S . -B "$dir" -G Ninja -DCMAKE_BUILD_TYPE="$type" -DCMAKE_CXX_COMPILER="$compiler" \
    -DCULVERT_WERROR="${CULVERT_WERROR:-ON}" -DCULVERT_TESTS="${with_tests:-ON}" >"$log" 2>&1 ||
    ! ninja -C "$dir" -j "$jobs" -k 0 "$@" >>"$log" 2>&1; then
    grep -E -A12 'FAILED|error:|Error' "$log" | head -n 150
    echo "build failed: $log"
    count 0 1 0
    return 1
  fi
  grep -c -F 'warning:' "$log" >/dev/null && grep -F 'warning:' "$log" | sort -u | head -n 20
  return 0
}

# run_ctest <dir> [ctest arguments]: runs and counts.
run_ctest() {
  local dir=$1
  shift
  local log="$log_dir/ctest-${dir##*/}.log"
  ctest --test-dir "$dir" -j "$jobs" --output-on-failure --timeout 600 "$@" 2>&1 | tee "$log" |
    grep -v -E '^ *Start |\.\. +Passed|^Internal ctest|^Test project'
  local line bad total
  line=$(grep -E '[0-9]+ tests? failed out of [0-9]+' "$log" | tail -n 1)
  if [ -z "$line" ]; then
    echo "no test ran in $dir"
    count 0 1 0
    return
  fi
  bad=$(sed -E 's/.* ([0-9]+) tests? failed out of ([0-9]+).*/\1/' <<<"$line")
  total=$(sed -E 's/.* ([0-9]+) tests? failed out of ([0-9]+).*/\2/' <<<"$line")
  count $((total - bad)) "$bad" 0
}

unit_tests() {
  build build/dev Dev g++ || return
  say "unit tests and fuzz corpora, address and undefined sanitizers"
  run_ctest build/dev -LE lint
}

lint_tests() {
  say "lint"
  local log="$log_dir/lint.log"
  python3 tests/lint/run.py | tee "$log"
  add_closing_line "$log"
}

chart_tests() {
  say "charts and manifests"
  local log="$log_dir/charts.log"
  python3 tests/charts/run.py 2>&1 | tee "$log"
  add_closing_line "$log"
}

# The modules where threads meet. The others are confined to one thread and have nothing to race.
tsan_modules='metrics net hbone state proxy control host'
# These two talk through the distribution's gRPC and protobuf, which are not built for the sanitizer:
# it takes their inner synchronization for races.
tsan_without='^culvert_control_(xds|ca)_test$'
tsan_tests() {
  local targets=() module found
  for module in $tsan_modules; do
    [ -f tests/$module/CMakeLists.txt ] || continue
    while read -r found; do targets+=("culvert_${found}_test"); done < <(
      grep -rhoE 'culvert_test\([a-z0-9_]+' tests/$module --include=CMakeLists.txt | sed 's/.*(//')
  done
  mapfile -t targets < <(printf '%s\n' "${targets[@]}" | grep -vE "$tsan_without")
  build build/tsan Tsan g++ "${targets[@]}" || return
  say "unit tests under the thread sanitizer"
  local names
  names=$(printf '%s\n' "${targets[@]}" | sed -E 's/^culvert_(.*)_test$/\1/' | paste -sd '|')
  run_ctest build/tsan -R "^($names)\$"
}

# Builds what ships and every fuzz target; of the tests only the syntax, since g++ runs them.
clang_tests() {
  if ! command -v clang++-19 >/dev/null; then
    echo "clang 19 is not packaged here: the clang part is skipped"
    count 0 0 1
    return
  fi
  local targets
  targets=$(grep -hoE 'culvert_fuzz\([a-z0-9_]+' tests/fuzz/*.cmake | sed 's/.*(/culvert_fuzz_/')
  # shellcheck disable=SC2086
  build build/fuzz Fuzz clang++-19 culvert culvertctl $targets || return
  say "the tests' syntax, clang 19"
  if python3 tests/support/syntax.py build/fuzz /tests/; then count 1 0 0; else count 0 1 0; fi
  say "fuzz targets, ${CULVERT_FUZZ_SECONDS:-5} s each"
  fuzz_targets
}

# As clang compiles it; the generated headers must exist.
tidy_tests() {
  if ! command -v clang-tidy-19 >/dev/null; then
    echo "clang-tidy 19 is not packaged here: the tidy part is skipped"
    count 0 0 1
    return
  fi
  build build/fuzz Fuzz clang++-19 culvert_proto || return
  say "clang-tidy 19"
  local log="$log_dir/tidy.log"
  python3 tests/support/tidy.py build/fuzz | tee "$log"
  add_closing_line "$log"
}

fuzz_targets() {
  local target name log work
  for target in build/fuzz/bin/culvert_fuzz_*; do
    [ -x "$target" ] || continue
    name=${target##*/culvert_fuzz_}
    log="$log_dir/fuzz-$name.log"
    work=$(mktemp -d)
    if "$target" -max_total_time="${CULVERT_FUZZ_SECONDS:-5}" -timeout=10 -rss_limit_mb=2048 \
      -artifact_prefix="$log_dir/fuzz-$name-" "$work" "tests/fuzz/corpus/$name" >"$log" 2>&1; then
      count 1 0 0
    else
      echo "fuzz target $name failed:"
      tail -n 40 "$log"
      count 0 1 0
    fi
    rm -rf "$work"
  done
}

# python_suite <integration|interop|image>: needs the release binaries and root.
python_suite() {
  local suite=$1
  if [ "$(id -u)" != 0 ]; then
    echo "$suite tests need root for namespaces: skipped"
    if [ "${CI:-}" = true ]; then count 0 1 0; else count 0 0 1; fi
    return
  fi
  local bin=${CULVERT_BUILD:-build/release}
  if [ -z "${CULVERT_BUILD:-}" ]; then
    # As deploy/quickstart builds it, so that the two share the objects; .ci/run asks for more.
    CULVERT_WERROR="${CULVERT_WERROR:-OFF}" with_tests=OFF \
      build build/release Release g++ culvert culvertctl || return
  fi
  say "$suite tests with $bin"
  local log="$log_dir/$suite.log"
  python3 tests/$suite/run.py --bin "$bin/bin" --logs "$log_dir" 2>&1 | tee "$log"
  add_closing_line "$log"
}

# add_closing_line <log>: adds the "N passed, N failed[, N skipped]" line that ends the log.
add_closing_line() {
  local line
  line=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$1" | tail -n 1)
  if [ -z "$line" ]; then
    echo "no totals in $1: the suite broke off"
    count 0 1 0
    return
  fi
  # shellcheck disable=SC2046
  count $(sed -E 's/^([0-9]+) passed, ([0-9]+) failed(, ([0-9]+) skipped)?.*/\1 \2 \4/; s/ $/ 0/' <<<"$line")
}

totals() {
  say "done"
  echo "$passed passed, $failed failed, $skipped skipped"
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}

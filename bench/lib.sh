# What the benchmarks have in common: the release build, medians, and a row of figures. Sourced by them.

plugin='' scratch='' warm_ups=2

say() { printf 'bench: %s\n' "$*" >&2; }

build() {
    local host target
    host=$(rustc -vV | sed -n 's/^host: //p')
    target=${CARGO_TARGET_DIR:-target}
    RUSTFLAGS='-C target-feature=+crt-static' \
        cargo build --release --locked --bin kubectl-rollout_plus --target "$host"
    plugin=$target/$host/release/kubectl-rollout_plus
}

# Only GNU time can tell a process's peak memory; without it that column is empty.
find_time() {
    [[ ! -x /usr/bin/time && $EUID == 0 ]] && command -v apt-get >/dev/null || return 0
    say "installing the package 'time'"
    { apt-get update -q && apt-get install -qy --no-install-recommends time; } >/dev/null 2>&1 || true
}

# Puts the time in front of each line as it comes.
stamp() {
    local line
    while IFS= read -r line; do
        printf '%s %s\n' "${EPOCHREALTIME//[.,]/}" "$line"
    done
}

median() { sort -n | awk '{ value[NR] = $1 } END { print (value[int((NR + 1) / 2)] + value[int(NR / 2) + 1]) / 2 }'; }

elapsed_us() { # FROM TO, both of $EPOCHREALTIME
    printf '%d\n' "$((10#${2//[.,]/} - 10#${1//[.,]/}))"
}

wall_us() { # COMMAND...
    local begin=$EPOCHREALTIME
    "$@" >/dev/null 2>&1
    elapsed_us "$begin" "$EPOCHREALTIME"
}

peak_kib() { # COMMAND...
    local peak
    [[ -x /usr/bin/time ]] || { printf '0\n'; return; }
    peak=$(mktemp)
    /usr/bin/time -o "$peak" -f %M "$@" >/dev/null 2>&1
    cat "$peak"
    rm "$peak"
}

# Runs both in turn, so that whatever else the machine does falls on both.
compare() { # TITLE OURS THEIRS GOAL_FOR_TIME GOAL_FOR_MEMORY
    local ours theirs n
    read -ra ours <<<"$2"
    read -ra theirs <<<"$3"
    for ((n = -warm_ups; n < runs; n++)); do
        printf '%s %s %s %s\n' "$(wall_us "${ours[@]}")" "$(wall_us "${theirs[@]}")" \
            "$(peak_kib "${ours[@]}")" "$(peak_kib "${theirs[@]}")"
    done | tail -n +$((warm_ups + 1)) >"$scratch/figures"
    local column middle=()
    for column in 1 2 3 4; do
        middle+=("$(cut -d' ' -f$column "$scratch/figures" | median)")
    done
    row "$1, wall" "${middle[0]}" "${middle[1]}" 1000 ms "$4"
    [[ ! -x /usr/bin/time ]] || row "$1, peak memory" "${middle[2]}" "${middle[3]}" 1024 MiB "$5"
}

row() { # TITLE OURS THEIRS DIVISOR UNIT GOAL
    awk -v title="$1" -v ours="$2" -v theirs="$3" -v divisor="$4" -v unit="$5" -v goal="$6" 'BEGIN {
        left = sprintf("%.1f %s", ours / divisor, unit)
        right = ratio = "-"
        if (theirs != "-") {
            right = sprintf("%.1f %s", theirs / divisor, unit)
            ratio = sprintf("1 : %.1f", theirs / ours)
        }
        printf "%-46s %12s %12s %10s   %s\n", title, left, right, ratio, goal
    }'
}

#!/usr/bin/env bash
# Everything that is promised of other machines than this one, from one command: it installs what it needs, as far as
# that can be had, and ends with a table: platform | kernel | level | result | bytes.
#
#   tests/everywhere.sh            all of it: half an hour and more, most of it fuzzing, Miri and emulation
#   tests/everywhere.sh --quick    microcontroller, wasm, C, bare targets, census of the assembly: what the gate runs
#
# FUZZ_SECONDS (20) is how long each fuzz target runs. What cannot be installed is skipped, and said.
set -uo pipefail
cd "$(dirname "$0")/.."
root=$PWD
quick=
[ "${1:-}" = --quick ] && quick=yes
export CARGO_TERM_COLOR=never
work=${CARGO_TARGET_DIR:-$root/target}/everywhere
mkdir -p "$work"
table=$work/table
: >"$table"
failed=

row() { printf '%s|%s|%s|%s|%s\n' "$1" "$2" "$3" "$4" "${5:-}" >>"$table"; }
part() { printf '\n=== %s (at %d s)\n' "$1" "$SECONDS"; }
fail() {
    row "$1" "$2" "$3" "FAIL"
    echo "!!! failed: $1, $2, $3"
    failed=yes
}
# run PLATFORM WHAT LEVEL command..: a row of the table for a command; its last lines where it fails.
run() {
    local platform=$1 what=$2 level=$3
    shift 3
    if "$@" >"$work/log" 2>&1; then
        row "$platform" "$what" "$level" pass
        echo "$platform, $what: passed"
    else
        tail -n 40 "$work/log"
        fail "$platform" "$what" "$level"
    fi
}
skip() {
    row "$1" "$2" "$3" "skip: $4"
    echo "skipped: $1, $2: $4"
}
target() { rustup target list --installed 2>/dev/null | grep -qx "$1" || rustup target add "$1" >/dev/null 2>&1; }
debian() { # debian COMMAND PACKAGE
    command -v "$1" >/dev/null && return
    { apt-get update && apt-get install -y --no-install-recommends "$2"; } >/dev/null 2>&1
    command -v "$1" >/dev/null
}
crate() { # crate COMMAND PACKAGE: from crates.io
    command -v "$1" >/dev/null || cargo install --quiet --locked "$2" >/dev/null 2>&1
    command -v "$1" >/dev/null
}
# The lines that a program prints for each case, as rows.
cases() { while IFS='|' read -r _ kernel level verdict bytes; do row "$1" "$kernel" "$level" "$verdict" "${bytes:+stack $bytes}"; done < <(grep '^case|' "$2"); }

part "this machine: the cases at every level"
run host "all cases, levels against scalar" all cargo test --quiet --test kernels everywhere:: -- --nocapture
cases host "$work/log"
run host "every refusal and its figures" detected cargo test --quiet --test kernels errors::
run host "scratch: dirty, exact, longer, unaligned, short" all cargo test --quiet --test kernels scratch::
run host "views of any strides, against their copies" all cargo test --quiet --test kernels views::
run host "no allocation below the trainers" all cargo test --quiet --test no_alloc

part "Cortex-M4F under QEMU"
if target thumbv7em-none-eabihf && debian qemu-system-arm qemu-system-arm; then
    if (cd tests/embedded && cargo build --quiet --release --bins); then
        out=tests/embedded/target/thumbv7em-none-eabihf/release
        (cd tests/embedded && timeout 300 cargo run --quiet --release --bin subquad-embedded) >"$work/cortex" 2>&1 || fail cortex-m4f "some case" scalar
        cases cortex-m4f "$work/cortex"
        run cortex-m4f "flash, stack, panics: at most 5 % above tests/embedded/sizes.txt" scalar python3 tests/embedded/sizes.py "$out" "$work/cortex"
        while read -r name bytes verdict; do row cortex-m4f "$name" scalar "$verdict" "flash $bytes"; done < <(sed -nE 's/^flash\|(.*[^ ]) +([0-9]+)  (.*)$/\1\t\2\t\3/p' tests/embedded/sizes.txt | sed 's/ /_/g; s/\t/ /g')
    else
        fail cortex-m4f build scalar
    fi
else
    skip cortex-m4f "all cases" scalar "no target, or no qemu-system-arm"
fi

part "wasm in Node.js"
if target wasm32-unknown-unknown && debian node nodejs; then
    for variant in scalar simd128; do
        flags= against=
        module=tests/wasm/target/$variant/wasm32-unknown-unknown/release/subquad_wasm.wasm
        [ $variant = simd128 ] && flags="-C target-feature=+simd128" against="${module/simd128/scalar} ${WASM_LEAST:-}"
        if (cd tests/wasm && RUSTFLAGS=$flags cargo build --quiet --release --target wasm32-unknown-unknown --target-dir target/$variant); then
            node tests/wasm/run.mjs "$module" $against >"$work/wasm-$variant" || fail wasm32 "some case, or the speed" $variant
            grep -E '^(size|time|faster)' "$work/wasm-$variant"
            cases wasm32 "$work/wasm-$variant"
            row wasm32 "the module of all cases" $variant pass "module $(stat -c %s "$module")"
            while IFS='|' read -r _ _ name times; do row wasm32 "fwht 4096, against $name" simd128 "$times times as fast"; done < <(grep '^faster|fwht 4096' "$work/wasm-$variant")
        else
            fail wasm32 build $variant
        fi
    done
else
    skip wasm32 "all cases" simd128 "no target, or no Node.js"
fi

part "bare targets build, and the census of their assembly"
rustup component add llvm-tools >/dev/null 2>&1
for bare in thumbv7em-none-eabihf thumbv6m-none-eabi riscv32imac-unknown-none-elf x86_64-unknown-none aarch64-unknown-linux-musl; do
    levels= more=
    [ $bare = aarch64-unknown-linux-musl ] && levels=neon
    [ $bare = x86_64-unknown-none ] && more=--no-vectors
    if target $bare; then
        # With the C face, whose functions make every kernel there is; as machine code, which link-time optimisation leaves to the program.
        run $bare "builds, no std, no alloc, with the C face" "${levels:-scalar}" env RUSTFLAGS="-D warnings" CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1 CARGO_PROFILE_RELEASE_PANIC=abort \
            cargo build --quiet --release --lib --no-default-features --features capi --target $bare --target-dir target/census
        run $bare "census of the assembly" "${levels:-scalar}" python3 tests/everywhere/census.py $bare "$levels" "target/census/$bare/release/libsubquad.rlib" $more
        # What is made for processors with vectors keeps a few: of bounds that checked arguments cannot reach.
        [ -n "$levels$more" ] || run $bare "no function can panic" scalar python3 tests/everywhere/panics.py $bare "target/census/$bare/release/libsubquad.rlib"
    else
        skip $bare build scalar "the target cannot be installed"
    fi
done

part "C, and C++"
if debian cc gcc; then
    debian valgrind valgrind
    crate cbindgen cbindgen
    python=
    [ -z "$quick" ] && python=--python
    if tests/c/run $python 2>&1 | tee "$work/c"; then
        while IFS='|' read -r _ what verdict; do row C "$what" "all here" "$verdict"; done < <(grep '^c|' "$work/c")
    else
        fail C "tests/c/run" "all here"
    fi
    if [ -f target/release/libsubquad.so ]; then
        run x86_64 "census of the assembly" avx2,avx512 python3 tests/everywhere/census.py x86_64 avx2,avx512 target/release/libsubquad.so
        run x86_64 "that census finds vectors, and levels, where they are" avx2,avx512 sh -c '! python3 tests/everywhere/census.py x86_64 "" target/release/libsubquad.so --no-vectors'
    fi
else
    skip C "everything" "" "no C compiler"
fi

if [ -z "$quick" ]; then
    nightly=
    rustup toolchain list 2>/dev/null | grep -q ^nightly || rustup toolchain install nightly --profile minimal >/dev/null 2>&1
    rustup toolchain list 2>/dev/null | grep -q ^nightly && nightly=yes

    part "aarch64, the whole suite, and instruction counts"
    if target aarch64-unknown-linux-musl && debian qemu-aarch64-static qemu-user-static; then
        export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER=rust-lld CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_RUNNER=qemu-aarch64-static
        run aarch64 "the whole suite, emulated" neon env REQUIRE_LEVEL=neon cargo test --quiet --tests --target aarch64-unknown-linux-musl
        run aarch64 "all cases, NEON against scalar" neon env REQUIRE_LEVEL=neon cargo test --quiet --target aarch64-unknown-linux-musl --test kernels everywhere:: -- --nocapture
        cases aarch64 "$work/log"
        program=$(cargo test --quiet --test kernels --no-run --target aarch64-unknown-linux-musl --message-format json | sed -nE 's/.*"executable":"([^"]*kernels-[^"]*)".*/\1/p' | tail -n 1)
        if [ -n "$program" ] && python3 tests/everywhere/count.py "$program" >"$work/counts"; then
            while IFS='|' read -r _ case neon scalar ratio; do row aarch64 "instructions: $case" neon "${neon#neon }, scalar ${scalar#scalar }: $ratio times as many"; done <"$work/counts"
        else
            fail aarch64 "instructions of NEON below those of scalar code" neon
        fi
    else
        skip aarch64 "the whole suite, emulated" neon "no target, or no qemu-aarch64-static"
    fi

    part "wasm, the library's own tests"
    if target wasm32-wasip1 && debian node nodejs; then
        for flags in "" "-C target-feature=+simd128"; do
            level=scalar
            [ -n "$flags" ] && level=simd128
            run wasm32 "the kernels' own tests" $level env RUSTFLAGS="$flags" CARGO_TARGET_WASM32_WASIP1_RUNNER="$root/tests/wasm/wasi.mjs" \
                cargo test --quiet --target wasm32-wasip1 --target-dir "$work/wasi-$level" --lib --test kernels -- errors:: everywhere:: hadamard:: ::tests::
        done
    else
        skip wasm32 "the kernels' own tests" simd128 "no target, or no Node.js"
    fi

    part "Miri: the scalar level, also on a big-endian machine"
    if [ -n "$nightly" ] && rustup component add --toolchain nightly miri rust-src >/dev/null 2>&1; then
        export MIRIFLAGS="-Zmiri-disable-isolation"
        run miri "patterns, matrices, transforms, the C face" scalar timeout 3000 cargo +nightly miri test --quiet --no-default-features --features capi --test miri
        run "miri, s390x (big-endian)" "patterns, index bytes" scalar timeout 3000 cargo +nightly miri test --quiet --no-default-features --features capi --test miri --target s390x-unknown-linux-gnu
    else
        skip miri "scalar level, big-endian" scalar "no nightly with Miri"
    fi

    part "AddressSanitizer, all levels of this machine"
    if [ -n "$nightly" ]; then
        run asan "every kernel's own tests, all cases, the C face" all env RUSTFLAGS=-Zsanitizer=address RUSTDOCFLAGS=-Zsanitizer=address \
            cargo +nightly test --quiet --target x86_64-unknown-linux-gnu --target-dir "$work/asan" --features capi,io --lib --test kernels --test capi
    else
        skip asan "all levels" all "no nightly"
    fi

    part "other versions: the least dependencies, the least compiler"
    if [ -n "$nightly" ]; then
        rm -rf "$work/minimal" && mkdir -p "$work/minimal"
        cp -r Cargo.toml README.md src benches "$work/minimal/" && mkdir "$work/minimal/tests" && cp tests/*.rs "$work/minimal/tests/"
        run "least dependencies" "builds" "" sh -c "cd '$work/minimal' && cargo +nightly update -Zdirect-minimal-versions && cargo build --quiet --all-features --lib --bins"
    else
        skip "least dependencies" "builds" "" "no nightly"
    fi
    msrv=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    if rustup toolchain install "$msrv" --profile minimal >/dev/null 2>&1; then
        run "Rust $msrv" "builds" "" cargo "+$msrv" build --quiet --lib --bins --all-features --target-dir "$work/msrv"
        run "Rust $msrv" "builds without std" "" cargo "+$msrv" build --quiet --lib --no-default-features --target-dir "$work/msrv"
    else
        skip "Rust $msrv" "builds" "" "the toolchain cannot be installed"
    fi
    if crate cargo-deny cargo-deny; then
        run "dependencies" "licences, sources, bans" "" cargo deny --config tests/everywhere/deny.toml check licenses sources bans
        if cargo deny --config tests/everywhere/deny.toml check advisories >"$work/log" 2>&1; then
            row dependencies advisories "" pass
        elif grep -q 'failed to fetch\|failed to load advisory' "$work/log"; then
            skip dependencies advisories "" "the advisory database cannot be fetched"
        else
            fail dependencies advisories ""
        fi
    else
        skip dependencies "licences, advisories" "" "no cargo-deny"
    fi
    if [ -n "$(git tag --list 'v*' 2>/dev/null)" ] && crate cargo-semver-checks cargo-semver-checks; then
        run "public API" "against the last tag" "" cargo semver-checks --baseline-rev "$(git describe --tags --abbrev=0)"
    else
        skip "public API" "against the last tag" "" "no tag yet, or no cargo-semver-checks"
    fi

    part "fuzzing, ${FUZZ_SECONDS:-20} s each"
    if [ -n "$nightly" ] && crate cargo-fuzz cargo-fuzz; then
        python3 fuzz/seeds.py --unpack
        # To compile them as fast as they can be would take longer than to run them.
        for name in $(cd fuzz && cargo +nightly fuzz list); do
            run fuzz "$name, ${FUZZ_SECONDS:-20} s" "all here" sh -c "cd fuzz && CARGO_PROFILE_RELEASE_OPT_LEVEL=1 cargo +nightly fuzz run --features io $name -- -max_total_time=${FUZZ_SECONDS:-20} -timeout=60 -rss_limit_mb=4096"
        done
    else
        skip fuzz "all targets" "all here" "no nightly, or no cargo-fuzz"
    fi
fi

part "the table"
{
    echo "platform|kernel|level|result|bytes"
    cat "$table"
} | column -t -s '|' -o ' | '
[ -z "$failed" ] || { echo "something failed"; exit 1; }

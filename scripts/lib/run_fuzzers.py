#!/usr/bin/env python3
"""Smoke run of libFuzzer programs: the corpus first, then some seconds of new inputs.

usage: run_fuzzers.py JOBS SECONDS BUILD_DIR TARGET…
tests/corpus/TARGET holds the committed seeds; what a run finds new stays in build/fuzz-corpus/TARGET. A
program that passed is skipped until it or its seeds change (build/stamps). A finding is kept as a file and
named. The last line is "passed failed skipped" in targets; the exit status is 1 if any failed.
"""
import concurrent.futures
import hashlib
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SYMBOLIZER = pathlib.Path("/usr/lib/llvm-19/bin/llvm-symbolizer")


def stamp_of(program, seeds, seconds):
    digest = hashlib.sha256(program.read_bytes() + str(seconds).encode())
    for seed in sorted(seeds.glob("*")):
        digest.update(seed.name.encode() + seed.read_bytes())
    return ROOT / "build" / "stamps" / f"fuzz-{digest.hexdigest()}"


def fuzz(program, seeds, seconds):
    grown = ROOT / "build" / "fuzz-corpus" / program.name
    findings = ROOT / "build" / "fuzz-findings"
    for folder in (grown, findings):
        folder.mkdir(parents=True, exist_ok=True)
    folders = [str(grown)] + ([str(seeds)] if seeds.is_dir() else [])
    command = [str(program), f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048", "-max_len=65536",
               "-print_final_stats=1", f"-artifact_prefix={findings}/{program.name}-", *folders]
    environment = {"ASAN_SYMBOLIZER_PATH": str(SYMBOLIZER)} if SYMBOLIZER.exists() else {}
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env=environment, timeout=seconds * 4 + 240, check=False)
        return done.returncode == 0, done.stdout.decode(errors="replace")
    except subprocess.TimeoutExpired:
        return False, "the fuzzer did not come to its end in time"


def main():
    jobs, seconds, build, names = int(sys.argv[1]), int(sys.argv[2]), pathlib.Path(sys.argv[3]), sys.argv[4:]
    (ROOT / "build" / "stamps").mkdir(parents=True, exist_ok=True)
    waiting, passed, failed, skipped = {}, 0, 0, 0
    for name in names:
        program = next(path for path in build.rglob(name) if path.is_file())
        seeds = ROOT / "tests" / "corpus" / name
        stamp = stamp_of(program, seeds, seconds)
        if stamp.exists():
            skipped += 1
        else:
            waiting[name] = (program, seeds, stamp)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        runs = {pool.submit(fuzz, program, seeds, seconds): (name, stamp)
                for name, (program, seeds, stamp) in waiting.items()}
        for number, future in enumerate(concurrent.futures.as_completed(runs), 1):
            (name, stamp), (clean, text) = runs[future], future.result()
            if clean:
                passed += 1
                stamp.touch()
                executed = [line for line in text.splitlines() if "number_of_executed_units" in line]
                print(f"[{number}/{len(waiting)}] {name}: {executed[-1].split()[-1] if executed else '?'} inputs", flush=True)
            else:
                failed += 1
                print(f"[{number}/{len(waiting)}] {name} FAILED; replay: {build.name}/…/{name} FILE of "
                      f"build/fuzz-findings\n{text[-5000:]}", flush=True)
    print(passed, failed, skipped)
    return 1 if failed else 0


sys.exit(main())

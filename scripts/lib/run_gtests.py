#!/usr/bin/env python3
"""Runs GoogleTest programs side by side, shows the output of those that fail, counts cases.

usage: run_gtests.py JOBS SECONDS PROGRAM…
The last line is "passed failed skipped"; a program that dies or overruns SECONDS is one failure more.
"""
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import time

SANITIZERS = {
    "ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1:abort_on_error=0",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
    "ASAN_SYMBOLIZER_PATH": "/usr/lib/llvm-19/bin/llvm-symbolizer",
    "TSAN_SYMBOLIZER_PATH": "/usr/lib/llvm-19/bin/llvm-symbolizer",
}


def counted(kind, text):
    found = re.findall(rf"^\[  {kind}\s*\] (\d+) tests?", text, re.MULTILINE)
    return int(found[-1]) if found else 0


def run(program, seconds):
    started = time.monotonic()
    environment = {**SANITIZERS, **os.environ}
    for name in ("ASAN_SYMBOLIZER_PATH", "TSAN_SYMBOLIZER_PATH"):
        if not os.path.exists(environment[name]):
            del environment[name]
    try:
        done = subprocess.run([program, "--gtest_color=no"], stdin=subprocess.DEVNULL, env=environment,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds, check=False)
        text, status = done.stdout.decode(errors="replace"), done.returncode
    except subprocess.TimeoutExpired as overrun:
        text = (overrun.stdout or b"").decode(errors="replace")
        text, status = text + f"\nstopped after {seconds} s: a test hangs\n", 1
    passed, failed, skipped = counted("PASSED", text), counted("FAILED", text), counted("SKIPPED", text)
    if status != 0 and failed == 0:
        failed = 1
    if status == 0 and passed + skipped == 0:
        text, failed = text + "\nthis program ran no test\n", 1
    return text, passed, failed, skipped, time.monotonic() - started


def main():
    jobs, seconds, programs = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    sums = [0, 0, 0]
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        runs = {pool.submit(run, program, seconds): pathlib.Path(program).name for program in programs}
        for future in concurrent.futures.as_completed(runs):
            text, passed, failed, skipped, took = future.result()
            name = runs[future]
            if failed:
                print(f"--- {name} failed; the end of its output:\n{text[-6000:]}")
            for line in re.findall(r"^.*Skipped\n(.*)$", text, re.MULTILINE):
                print(f"    {name} skips: {line.strip()}")
            print(f"  {name}: {passed} passed, {failed} failed, {skipped} skipped in {took:.1f} s", flush=True)
            sums = [a + b for a, b in zip(sums, (passed, failed, skipped))]
    print(*sums)


main()

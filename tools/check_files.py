#!/usr/bin/env python3
"""Runs a slow checker over C++ files in parallel and skips what passed before.

usage: check_files.py clang-tidy|coawait BUILD_DIR [FILE…]

Without a FILE: all that BUILD_DIR compiles; of clang-tidy without tests, fuzzers and benches. A unity build
joins files of one target, whose shared headers are then read once: what was joined is checked together. Half of
its time would go into GoogleTest's and RapidCheck's templates, and what it finds in tests the sanitizers,
-Werror and the co_await rule find too.

A file's stamp is the hash of its text, of every project header it reaches, of the checker's
configuration and version and of its compile command; stamps lie in build/stamps. Only a clean file
gets one. The last line is "passed failed skipped" in files; the exit status is 1 if any failed.
"""
import concurrent.futures
import functools
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
STAMPS = ROOT / "build" / "stamps"
QUERY = ROOT / "tools" / "coawait.query"
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


@functools.cache
def headers_of(path):
    """The project headers that a file names, by path from src/ or from its own folder."""
    found = set()
    for name in INCLUDE.findall(path.read_text()):
        for base in (ROOT / "src", path.parent, ROOT):
            if (base / name).is_file():
                found.add((base / name).resolve())
                break
    return frozenset(found)


def reached(path):
    seen, waiting = set(), [path]
    while waiting:
        here = waiting.pop()
        if here not in seen:
            seen.add(here)
            waiting.extend(headers_of(here))
    return sorted(seen)


@functools.cache
def checker(mode):
    """What decides beside the file and its .clang-tidy: the program and the flags it is given."""
    if mode == "clang-tidy":
        version = subprocess.run(["clang-tidy-19", "--version"], stdout=subprocess.PIPE, check=True).stdout
        return version
    return QUERY.read_bytes()


def sources_of(path):
    """What a file of a unity build joins; of any other itself."""
    if path.suffix == ".cc":
        return [path]
    return [pathlib.Path(name) for name in INCLUDE.findall(path.read_text())]


def is_test(path):
    return any(source.stem.endswith(("_test", "_fuzz", "_bench")) for source in sources_of(path))


def configurations_of(path):
    """The .clang-tidy files that hold for a file: a folder's adds to those above it."""
    return [folder / ".clang-tidy" for folder in sources_of(path)[0].parents
            if folder.is_relative_to(ROOT) and (folder / ".clang-tidy").is_file()]


def stamp_of(mode, path, command):
    digest = hashlib.sha256(checker(mode) + command.encode())
    for part in reached(path) + (configurations_of(path) if mode == "clang-tidy" else []):
        digest.update(part.read_bytes())
    return STAMPS / f"{mode}-{digest.hexdigest()}"


def check(mode, build, path):
    """The checker's findings for one file; empty when it is clean."""
    if mode == "clang-tidy":
        joined = ["--checks=-bugprone-suspicious-include"] if path.suffix != ".cc" else []
        command = ["clang-tidy-19", "--quiet", *joined, "-p", str(build), str(path)]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
        return "" if done.returncode == 0 else done.stdout + (done.stderr if not done.stdout else "")
    if not any("co_await" in source.read_text() for source in sources_of(path)):
        return ""
    command = ["clang-query-19", "-p", str(build), "-f", str(QUERY), str(path)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    # clang-query exits with 0 whatever it finds, so its text decides.
    if "binds here" in done.stdout:
        return done.stdout + "rule: name a lambda or braced temporary before the co_await that uses it\n"
    return "" if re.search(r"^\d+ match", done.stdout, re.MULTILINE) else done.stdout


def main():
    if len(sys.argv) < 3 or sys.argv[1] not in ("clang-tidy", "coawait"):
        sys.exit(__doc__)
    mode, build = sys.argv[1], pathlib.Path(sys.argv[2])
    database = json.loads((build / "compile_commands.json").read_text())
    commands = {pathlib.Path(entry["file"]).resolve(): entry["command"] for entry in database}
    chosen = [pathlib.Path(name).resolve() for name in sys.argv[3:]] or sorted(
        path for path in commands if path.is_relative_to(ROOT) and (path.suffix == ".cc" or path.parent.name == "Unity")
        and not (mode == "clang-tidy" and is_test(path)))
    unknown = [str(path) for path in chosen if path not in commands]
    if unknown:
        sys.exit(f"{', '.join(unknown)}: not compiled by {build}")
    STAMPS.mkdir(parents=True, exist_ok=True)
    stamps = {path: stamp_of(mode, path, commands[path]) for path in chosen}
    waiting = [path for path, stamp in stamps.items() if not stamp.exists()]
    passed, failed, skipped = 0, 0, len(stamps) - len(waiting)
    jobs = int(os.environ.get("JOBS", os.cpu_count() or 1))
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        runs = {pool.submit(check, mode, build, path): path for path in waiting}
        for number, future in enumerate(concurrent.futures.as_completed(runs), 1):
            path, findings = runs[future], future.result()
            names = ", ".join(str(source.relative_to(ROOT)) for source in sources_of(path))
            print(f"[{number}/{len(waiting)}] {names}", flush=True)
            if findings:
                failed += 1
                print(findings, flush=True)
            else:
                passed += 1
                stamps[path].touch()
    print(passed, failed, skipped)
    return 1 if failed else 0


sys.exit(main())

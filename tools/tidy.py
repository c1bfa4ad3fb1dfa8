#!/usr/bin/env python3
"""The house rules that no compiler checks. usage: tidy.py [ROOT]

Fails on: an include against the table of src/README.md, a module without a row there, an outside header
outside its module or in a header, clocks, randomness, threads and sleeps outside their place, leftovers,
a source that its module's CMakeLists.txt does not name, a pure module without tests, paths of somebody's
machine. Reports long files and functions. Each finding is one line: FILE:LINE: what is wrong and the remedy.
"""
import pathlib
import re
import subprocess
import sys

STD = set(
    "algorithm any array atomic bit bitset cassert cctype cerrno cfenv cfloat charconv chrono cinttypes climits "
    "clocale cmath compare complex concepts coroutine csetjmp csignal cstdarg cstddef cstdint cstdio cstdlib "
    "cstring ctime cwchar deque exception filesystem forward_list fstream functional initializer_list iomanip ios "
    "iosfwd iostream istream iterator limits list locale map memory memory_resource new numbers numeric optional "
    "ostream queue random ranges ratio regex set source_location span sstream stack stdexcept streambuf string "
    "string_view system_error tuple type_traits typeindex typeinfo unordered_map unordered_set utility valarray "
    "variant vector version".split())
THREADS = set("thread mutex condition_variable shared_mutex future stop_token barrier latch semaphore semaphore.h".split())
TYPES_ONLY = {"sys/types.h"}
EVERYWHERE = ("fmt/", "tl/expected.hpp")
IN_TESTS = ("gtest/", "gmock/", "rapidcheck.h", "rapidcheck/", "benchmark/benchmark.h")
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]')
LINES_OF_FILE, LINES_OF_TEST, LINES_OF_FUNCTION = 500, 800, 70

# What no line of src/ may hold: pattern, modules where it may, what to do instead.
FORBIDDEN = [
    (re.compile(r"\b(FIX" r"ME|TO" r"DO|XX" r"X)\b"), (), "finish it, or write an issue"),
    (re.compile(r"\bclock_gettime\b|\bgettimeofday\b|std::chrono::(system|steady|high_resolution)_clock\b"
                r"|\bstd::time\("), ("base", "books"), "take a Clock (base/time.h)"),
    (re.compile(r"\bgetrandom\b|std::random_device\b|\b(std::)?s?rand\(\)"), ("base",), "take a Random (base/random.h)"),
    (re.compile(r"\bthis_thread::sleep|\b(u|nano)sleep\(|(?<!\w)::sleep\("), (), "await a timer or an event"),
    (re.compile(r"\.detach\(\)"), (), "give the thread an owner that joins it"),
    (re.compile(r"std::(unordered_)?(multi)?(map|set)<\s*(const\s+)?(std::(shared|weak|unique)_ptr<|[\w:]+\s*(const\s*)?\*)"),
     ("engine", "local", "cli", "app"), "an order of addresses differs from run to run, so a seed would not replay: key by a name or number"),
]
MACHINE = re.compile(r"(?<![\w./$}~-])/(home|root|work|Users)/\w")
TEXT = {".h", ".cc", ".py", ".sh", ".md", ".cmake", ".txt", ".ts", ".mjs", ".json", ".yaml", ".yml", ".case", ""}


class Module:
    """One row of src/README.md."""

    def __init__(self, cells):
        self.name, kind, _, uses, outside = cells
        self.pure = kind == "pure"
        self.uses = {self.name, *re.findall(r"[a-z]+", uses)}
        self.outside = tuple(re.findall(r"`([^`]+)`", outside))


class Tidy:
    def __init__(self, root):
        self.root, self.found, self.reported = root, [], []
        self.modules = self.read_table(root / "src" / "README.md")

    def fail(self, path, line, what):
        self.found.append(f"{path.relative_to(self.root)}:{line}: {what}")

    def report(self, path, line, what):
        self.reported.append(f"{path.relative_to(self.root)}:{line}: {what}")

    def read_table(self, path):
        rows = [[cell.strip() for cell in line.strip().strip("|").split("|")]
                for line in path.read_text().splitlines() if line.startswith("|")]
        modules, known = {}, set()
        for cells in rows[2:]:
            if len(cells) != 5:
                self.fail(path, 1, f"the row of '{cells[0]}' has {len(cells)} cells, not 5")
                continue
            module = Module(cells)
            known.add(module.name)
            for late in sorted(module.uses - known):
                self.fail(path, 1, f"'{module.name}' may include '{late}', which stands below it: order the rows")
            modules[module.name] = module
        return modules

    def check_include(self, module, path, is_test, number, quote, name):
        if quote == '"':
            target = name.split("/")[0]
            if not (self.root / "src" / name).is_file():
                self.fail(path, number, f'"{name}" is no file under src/: write the path from src/')
            elif target not in module.uses:
                self.fail(path, number, f"'{module.name}' may not include '{target}' (src/README.md)")
            elif "/detail/" in name and target != module.name:
                self.fail(path, number, f'"{name}" is the inside of \'{target}\': use its own headers')
            return
        if name in STD or name.startswith(EVERYWHERE) or (
                is_test and (name.startswith(IN_TESTS) or name in THREADS)):
            return
        system = self.modules["io"].outside if is_test and not module.pure and "io" in self.modules else ()
        if not any(name == allowed or (allowed.endswith("/") and name.startswith(allowed))
                     or name.startswith((allowed + "/", allowed + ".")) for allowed in module.outside + system):
            self.fail(path, number, f"<{name}> does not belong to '{module.name}' (src/README.md)")
        elif path.suffix == ".h" and name not in THREADS | TYPES_ONLY and path.parent.name != "detail":
            self.fail(path, number, f"<{name}> in a header: keep it in one .cc behind our own interface")

    def check_source(self, module, path):
        lines = path.read_text().splitlines()
        is_test = path.stem.endswith(("_test", "_fuzz", "_bench")) or "test" in path.stem.split("_")
        for number, line in enumerate(lines, 1):
            include = INCLUDE.match(line)
            if include:
                self.check_include(module, path, is_test, number, *include.groups())
            for pattern, where, remedy in FORBIDDEN:
                hit = pattern.search(line)
                if hit and module.name not in where:
                    self.fail(path, number, f"'{hit.group()}' does not belong here: {remedy}")
            if re.search(r"std::(jthread|thread|mutex|shared_mutex)\b", line) and not (
                    is_test or THREADS & set(module.outside)):
                self.fail(path, number, f"threads and locks do not belong to '{module.name}' (src/README.md)")
        if path.suffix == ".h" and "#pragma once" not in lines:
            self.fail(path, 1, "a header without #pragma once")
        limit = LINES_OF_TEST if path.stem.endswith("_test") else LINES_OF_FILE
        if len(lines) > limit:
            self.report(path, 1, f"{len(lines)} lines (guide: {limit})")
        self.measure_functions(path, lines)

    def measure_functions(self, path, lines):
        """With our format a function outside a class opens and closes at column 0."""
        start = None
        for number, line in enumerate(lines, 1):
            if start is None and line.endswith("{") and not re.match(
                    r"[\s})/]|namespace\b|(class|struct|enum|union|extern|constexpr|inline constexpr)\b", line):
                start = number
            elif line.startswith("}"):
                if start and number - start > LINES_OF_FUNCTION and not path.stem.endswith("_test"):
                    self.report(path, start, f"a function of {number - start} lines (guide: {LINES_OF_FUNCTION})")
                start = None

    def check_module(self, folder):
        module = self.modules.get(folder.name)
        sources = sorted(p for p in folder.rglob("*") if p.suffix in (".h", ".cc"))
        if not sources:
            return
        if module is None:
            self.fail(folder, 1, "a module without a row in src/README.md")
            return
        listed = "".join(p.read_text() for p in folder.rglob("CMakeLists.txt"))
        for path in sources:
            self.check_source(module, path)
            if path.suffix == ".cc" and not re.search(rf"(^|[\s\"/]){re.escape(path.name)}\b", listed):
                self.fail(path, 1, f"no target of {folder.name}/CMakeLists.txt builds this file: list or remove it")
        has_code = any(p.suffix == ".cc" and not p.stem.endswith(("_test", "_fuzz", "_bench")) for p in sources)
        if module.pure and has_code and not any(p.name.endswith("_test.cc") for p in sources):
            self.fail(folder, 1, "a pure module without a test")

    def check_paths(self):
        listing = subprocess.run(["git", "-C", str(self.root), "ls-files", "-coz", "--exclude-standard"],
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        names = [n for n in listing.stdout.decode().split("\0") if n] if listing.returncode == 0 else [
            str(p.relative_to(self.root)) for p in self.root.rglob("*") if p.is_file()]
        for name in sorted(names):
            path = self.root / name
            if path.suffix not in TEXT or not path.is_file() or path.name == "package-lock.json":
                continue
            for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
                if MACHINE.search(line):
                    self.fail(path, number, "a path of somebody's machine: make it relative or configurable")

    def run(self):
        for folder in sorted(p for p in (self.root / "src").iterdir() if p.is_dir()):
            self.check_module(folder)
        for name, module in self.modules.items():
            if not (self.root / "src" / name).is_dir():
                self.report(self.root / "src" / "README.md", 1, f"'{name}' has a row and no folder")
        self.check_paths()
        for line in self.reported:
            print(f"report: {line}")
        for line in self.found:
            print(line)
        print(f"tidy: {len(self.found)} findings, {len(self.reported)} reports")
        return 1 if self.found else 0


if __name__ == "__main__":
    chosen = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent
    sys.exit(Tidy(chosen.resolve()).run())

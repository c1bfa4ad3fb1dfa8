#!/usr/bin/env python3
"""Plants each violation that tidy.py knows in a small tree of its own and expects the finding."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

TIDY = pathlib.Path(__file__).with_name("tidy.py")
TABLE = """| module | kind | holds | may include | outside |
|---|---|---|---|---|
| base | pure | values | – | `sys/random.h` |
| codec | pure | bytes | base | `yaml-cpp/` `boost/json` |
| io | – | runtime | base | `sys/` `thread` |
"""
CLEAN = {
    "src/README.md": TABLE,
    "src/base/CMakeLists.txt": "base.cc base_test.cc",
    "src/base/base.h": "#pragma once\n#include <string>\n#include <fmt/core.h>\n",
    "src/base/base.cc": '#include "base/base.h"\n\n#include <sys/random.h>\nvoid f() { clock_gettime(0, 0); }\n',
    "src/base/base_test.cc": '#include <gtest/gtest.h>\n#include "base/base.h"\n',
    "src/codec/CMakeLists.txt": "codec.cc codec_test.cc",
    "src/codec/codec.cc": '#include <yaml-cpp/yaml.h>\n#include <boost/json.hpp>\n#include "base/base.h"\n',
    "src/codec/codec_test.cc": "#include <rapidcheck.h>\n",
    "src/io/CMakeLists.txt": "io.cc",
    "src/io/io.cc": "#include <sys/epoll.h>\n#include <thread>\nstd::thread worker;\n",
}


class TidyTest(unittest.TestCase):
    def tidy(self, changes):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in {**CLEAN, **changes}.items():
                if text is not None:
                    path = pathlib.Path(folder, name)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(text)
            return subprocess.run([sys.executable, TIDY, folder], stdout=subprocess.PIPE, text=True, check=False)

    def expect(self, finding, changes):
        done = self.tidy(changes)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn(finding, done.stdout)
        self.assertIn("tidy: 1 findings", done.stdout)

    def test_a_clean_tree_passes(self):
        done = self.tidy({})
        self.assertEqual((done.returncode, done.stdout), (0, "tidy: 0 findings, 0 reports\n"))

    def test_include_against_the_arrows(self):
        self.expect("'base' may not include 'codec'",
                    {"src/codec/codec.h": "#pragma once\n",
                     "src/base/base.cc": '#include "codec/codec.h"\n'})

    def test_include_of_the_inside_of_another_module(self):
        self.expect("is the inside of 'base'", {"src/base/detail/x.h": "#pragma once\n",
                                                "src/io/io.cc": '#include "base/detail/x.h"\n'})

    def test_include_of_no_file(self):
        self.expect("is no file under src/", {"src/base/base.cc": '#include "base.h"\n'})

    def test_module_without_a_row(self):
        self.expect("without a row", {"src/extra/extra.cc": "int x;\n", "src/extra/CMakeLists.txt": "extra.cc"})

    def test_rows_out_of_order(self):
        self.expect("order the rows", {"src/README.md": TABLE.replace("| base | pure | values | – |",
                                                                      "| base | pure | values | codec |")})

    def test_outside_header_in_another_module(self):
        self.expect("<yaml-cpp/yaml.h> does not belong to 'io'", {"src/io/io.cc": "#include <yaml-cpp/yaml.h>\n"})
        self.expect("<sys/socket.h> does not belong to 'codec'",
                    {"src/codec/codec.cc": "#include <sys/socket.h>\n"})
        self.expect("<openssl/ssl.h> does not belong to 'io'", {"src/io/io.cc": "#include <openssl/ssl.h>\n"})
        self.expect("<boost/asio.hpp> does not belong to 'codec'",
                    {"src/codec/codec.cc": "#include <boost/asio.hpp>\n"})
        self.expect("<mutex> does not belong to 'codec'", {"src/codec/codec.cc": "#include <mutex>\n"})

    def test_outside_header_in_a_header(self):
        self.expect("in a header", {"src/codec/codec.h": "#pragma once\n#include <yaml-cpp/yaml.h>\n"})

    def test_outside_header_in_a_header_of_the_modules_own(self):
        done = self.tidy({"src/codec/detail/inner.h": "#pragma once\n#include <yaml-cpp/yaml.h>\n"})
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_test_library_outside_tests(self):
        self.expect("<gtest/gtest.h> does not belong", {"src/io/io.cc": "#include <gtest/gtest.h>\n"})

    def test_words_that_have_their_place(self):
        for line in ("// FIX" + "ME later", "// TO" + "DO", "clock_gettime(CLOCK_REALTIME, &t);", "std::time(nullptr);",
                     "auto t = std::chrono::system_clock::now();", "auto t = std::chrono::steady_clock::now();",
                     "getrandom(p, 1, 0);", "std::random_device d;", "std::this_thread::sleep_for(1s);",
                     "usleep(5);", "t.detach();", "std::map<const Node*, int> m;", "std::set<io::Stream *> s;",
                     "std::unordered_map<std::shared_ptr<Node>, bool> m;"):
            self.expect("does not belong here", {"src/io/io.cc": line + "\n"})
        for line in ("std::mutex m;", "std::thread t;", "std::jthread t;"):
            self.expect("threads and locks do not belong to 'codec'", {"src/codec/codec.cc": line + "\n"})

    def test_header_without_pragma_once(self):
        self.expect("without #pragma once", {"src/base/base.h": "int f();\n"})

    def test_file_that_nothing_builds(self):
        self.expect("list or remove it", {"src/io/other.cc": "int x;\n"})

    def test_pure_module_without_a_test(self):
        self.expect("a pure module without a test",
                    {"src/codec/codec_test.cc": None, "src/codec/CMakeLists.txt": "codec.cc"})

    def test_paths_of_machines(self):
        self.expect("somebody's machine", {"docs/a.md": "see /ho" + "me/jo/tdn\n"})
        done = self.tidy({"docs/a.md": "https://example.org/work/x, $HOME/x, /var/lib/tdn, ./root/x\n"})
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_long_files_and_functions_are_reported_only(self):
        done = self.tidy({"src/io/io.cc": "void f() {\n" + "  g();\n" * 600 + "}\n"})
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("report: src/io/io.cc:1: 602 lines", done.stdout)
        self.assertIn("a function of 601 lines", done.stdout)


if __name__ == "__main__":
    unittest.main()

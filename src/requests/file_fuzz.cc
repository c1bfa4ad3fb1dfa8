// Files of the request log from anybody: nothing breaks the reader, what it takes means the same
// when it is written anew (not byte for byte: records of former versions have fewer fields), and
// what it recorded can be decided again.
#include <algorithm>
#include <cstdint>

#include "base/assert.h"
#include "requests/file.h"
#include "requests/history.h"

namespace tdn::requests {
namespace {

class Checker final : public Visitor {
 public:
  void on(Names names) override { again(FrameType::kNames, names); }
  void on(Decided decided) override {
    again(FrameType::kDecided, decided);
    static_cast<void>(run_again(decided));
    static_cast<void>(route::find_flips(decided.work, decided.facts));
  }
  void on(Ended ended) override { again(FrameType::kEnded, ended); }

  // All that was taken, written anew.
  ByteBuffer written{bytes_of(kMagic)};

 private:
  template <class Value>
  void again(FrameType type, const Value& value) {
    append_frame(type, value, written);
  }
};

void check(ByteView file) {
  Checker checker;
  const FileScan scan = scan_file(file, checker);
  TDN_ASSERT(scan.whole + scan.damaged == file.size());
  if (scan.is_log && scan.unknown == 0) {
    Checker second;
    const FileScan again = scan_file(checker.written.view(), second);
    TDN_ASSERT(again.whole == checker.written.size() && again.unknown == 0);
    TDN_ASSERT(std::ranges::equal(second.written.view(), checker.written.view()));
    TDN_ASSERT(checker.written.size() >= scan.whole);
  }
}

}  // namespace
}  // namespace tdn::requests

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tdn::requests::check({data, size});
  return 0;
}

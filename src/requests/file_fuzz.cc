// Files of the request log from anybody: nothing breaks the reader, what it takes encodes back to
// the same bytes, and what it recorded can be decided again.
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
    TDN_ASSERT(std::ranges::equal(checker.written.view(), file.first(scan.whole)));
  }
}

}  // namespace
}  // namespace tdn::requests

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  tdn::requests::check({data, size});
  return 0;
}

#include "sim/trace.h"

#include <fmt/format.h>

#include "sim/print.h"

namespace tdn::sim {
namespace {

constexpr std::size_t kBlock = 16 * 1024;

// One line of readable text out of anything.
std::string shown(std::string_view bytes) {
  constexpr std::size_t kMost = 160;
  std::string out;
  for (const char byte : bytes.substr(0, kMost)) {
    if (byte == '\n') {
      out += "\\n";
    } else if (byte != '\r') {
      out += byte >= ' ' && byte <= '~' ? byte : '.';
    }
  }
  return bytes.size() > kMost ? out + "…" : out;
}

}  // namespace

void Trace::put(std::uint64_t number) {
  for (int shift = 0; shift < 64; shift += 8) {
    pending_ += static_cast<char>(number >> shift);
  }
}

void Trace::note(std::string_view what, std::uint64_t first, std::uint64_t second,
                 std::string_view bytes) {
  ++notes_;
  put(static_cast<std::uint64_t>(clock_.now().count()));
  put(what.size());
  pending_ += what;
  put(first);
  put(second);
  put(bytes.size());
  pending_ += bytes;
  if (pending_.size() >= kBlock) {
    hash_.update(bytes_of(pending_));
    pending_.clear();
  }
  if (print_ != nullptr) {
    print(print_, "{:>16.6f} {:<10} {:>4} {:>4} {}\n",
          std::chrono::duration<double>(clock_.now()).count(), what, first, second, shown(bytes));
  }
}

codec::Digest Trace::finish() {
  hash_.update(bytes_of(pending_));
  pending_.clear();
  return hash_.finish();
}

}  // namespace tdn::sim

#include "http/transfer.h"

#include <memory>
#include <string>

#include "io/loop.h"

namespace tdn::http {

io::Task<Result<void>> send(io::Stream& stream, std::span<const io::Slice> slices, Duration stall) {
  std::size_t total = 0;
  for (const io::Slice& slice : slices) {
    total += slice.size;
  }
  ssize_t taken = stream.try_write(slices);
  if (taken == static_cast<ssize_t>(total)) {
    co_return Result<void>{};
  }
  if (taken == io::kFailed) {
    co_return fail(stream.error());
  }
  auto skip = taken > 0 ? static_cast<std::size_t>(taken) : 0;
  std::string rest;
  rest.reserve(total - skip);
  for (const io::Slice& slice : slices) {
    const std::size_t skipped = std::min(skip, slice.size);
    rest.append(slice.data + skipped, slice.size - skipped);
    skip -= skipped;
  }
  io::Context& context = co_await io::this_context();
  io::DeadlineScope deadline(context, context.loop().now() + stall);
  std::size_t sent = 0;
  while (sent < rest.size()) {
    const io::Slice left(rest.data() + sent, rest.size() - sent);
    taken = stream.try_write(std::span(&left, 1));
    if (taken == io::kFailed) {
      co_return fail(stream.error());
    }
    if (taken == io::kWouldBlock) {
      TDN_CO_TRY_VOID(io::to_result(co_await stream.writable(), "writing"));
      continue;
    }
    sent += static_cast<std::size_t>(taken);
    deadline.set(context.loop().now() + stall);
  }
  co_return Result<void>{};
}

std::span<char> thread_scratch() {
  constexpr std::size_t kSize = std::size_t{64} * 1024;
  thread_local const std::unique_ptr<char[]> scratch(new char[kSize + kScratchPadding]());
  return {scratch.get(), kSize};
}

}  // namespace tdn::http

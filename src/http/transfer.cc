#include "http/transfer.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "io/loop.h"

namespace tdn::http {

namespace {

io::Task<Result<void>> send_rest(io::Stream& stream, std::string rest, Duration stall) {
  io::Context& context = co_await io::this_context();
  io::DeadlineScope deadline(context, context.loop().now() + stall);
  std::size_t sent = 0;
  while (sent < rest.size()) {
    const io::Slice left(rest.data() + sent, rest.size() - sent);
    const ssize_t taken = stream.try_write(std::span(&left, 1));
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

}  // namespace

io::MaybeTask<Result<void>> send(io::Stream& stream, std::span<const io::Slice> slices,
                                 Duration stall) {
  std::size_t total = 0;
  for (const io::Slice& slice : slices) {
    total += slice.size;
  }
  const ssize_t taken = stream.try_write(slices);
  if (taken == static_cast<ssize_t>(total)) {
    return Result<void>{};
  }
  if (taken == io::kFailed) {
    return fail(stream.error());
  }
  auto skip = taken > 0 ? static_cast<std::size_t>(taken) : 0;
  std::string rest;
  rest.reserve(total - skip);
  for (const io::Slice& slice : slices) {
    const std::size_t skipped = std::min(skip, slice.size);
    rest.append(slice.data + skipped, slice.size - skipped);
    skip -= skipped;
  }
  return send_rest(stream, std::move(rest), stall);
}

std::span<char> thread_scratch() {
  constexpr std::size_t kSize = std::size_t{64} * 1024;
  thread_local const std::unique_ptr<char[]> scratch(new char[kSize + kScratchPadding]());
  return {scratch.get(), kSize};
}

}  // namespace tdn::http

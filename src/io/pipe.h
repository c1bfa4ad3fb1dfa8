// Two streams joined in memory: for tests, at any fragmentation, with the edge cases of a network
// on command. Bytes written on one end are readable on the other in the same turn.
#pragma once

#include <memory>
#include <utility>

#include "io/stream.h"

namespace tdn::io {

struct PipeOptions {
  std::size_t capacity = 64 * 1024;  // bytes in flight per direction; then writing would block
  std::size_t max_read = 0;          // at most so many bytes per try_read; 0 = no bound
  std::size_t max_write = 0;         // likewise per try_write
};

using PipeEnds = std::pair<std::unique_ptr<Stream>, std::unique_ptr<Stream>>;
[[nodiscard]] PipeEnds make_pipe(const PipeOptions& options = {});

}  // namespace tdn::io

// Tells the request log of one shard what was decided and how requests ended.
#pragma once

#include "gateway/request.h"
#include "requests/shard_log.h"
#include "route/choose.h"

namespace tdn::gateway {

class RequestLogger {
 public:
  // Borrowed; null: nothing is logged.
  explicit RequestLogger(requests::ShardLog* log) : log_(log) {}

  void decided(const Request& request, const route::Work& work, const route::Decision& decision,
               std::span<const route::Beginning> beginnings, Instant now) const;
  // `error` is what the client was told, if it was one of ours.
  void ended(const Request& request, const Error* error, Instant now) const;

 private:
  requests::ShardLog* log_;
};

}  // namespace tdn::gateway

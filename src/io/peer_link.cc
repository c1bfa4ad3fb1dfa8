#include "io/peer_link.h"

namespace tdn::io {

Task<Result<std::unique_ptr<Stream>>> DialLink::open(std::string_view site) {
  const auto found = addresses_.find(site);
  if (found == addresses_.end()) {
    co_return fail(Code::kUnavailable, "no address is known for the site " + std::string(site) +
                                           "; name one with --dial");
  }
  co_return co_await network_.connect(found->second);
}

}  // namespace tdn::io

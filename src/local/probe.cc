#include "local/probe.h"

#include <fmt/format.h>

#include "http/upstream.h"
#include "io/loop.h"

namespace tdn::local {
namespace {

constexpr Duration kProbePatience = std::chrono::seconds(2);
constexpr std::string_view kScheme = "http://";

io::Task<Result<int>> status_of(io::Loop& loop, io::Network& network, const Question& question) {
  const http::ClientLimits limits;
  const std::string host =
      question.url.starts_with(kScheme) ? question.url.substr(kScheme.size()) : question.url;
  TDN_CO_TRY(const io::Address address, io::Address::parse(host));
  http::Upstream upstream(loop, network, address, limits);
  TDN_CO_TRY(http::Exchange exchange, co_await upstream.open());
  const std::string key = question.bearer.empty() ? ""
                                                  : fmt::format("authorization: Bearer {}\r\n",
                                                                question.bearer.reveal());
  const std::string request =
      fmt::format("GET {} HTTP/1.1\r\nhost: {}\r\n{}\r\n", question.path, host, key);
  const io::Slice slice(request);
  TDN_CO_TRY_VOID(co_await exchange.send({&slice, 1}));
  TDN_CO_TRY(const codec::ResponseHead* head, co_await exchange.read_head());
  co_return head->status();
}

}  // namespace

io::Task<bool> answers(io::Loop& loop, io::Network& network, Question question) {
  const io::DeadlineScope scope(co_await io::this_context(), loop.now() + kProbePatience);
  const Result<int> status = co_await status_of(loop, network, question);
  co_return status.has_value() && (*status == 200 || *status == question.also);
}

}  // namespace tdn::local

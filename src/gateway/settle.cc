// The end of a request in the books, and the waits for them.
#include <fmt/format.h>

#include "base/fail_point.h"
#include "base/log.h"
#include "gateway/gateway.h"
#include "io/loop.h"

namespace tdn::gateway {
namespace {

using namespace std::chrono_literals;

// How long the end of an answer waits for a disk that hangs. The record may become durable later;
// the client was never told that its answer is complete.
constexpr Duration kBooksPatience = 30s;

// A request that crosses sites leaves a line at each of them, so that its id finds its way in the
// logs; one that stays at its site leaves none. Beside a hop the half microsecond is nothing.
void tell_hop(const Request& request, const Leg& leg, const meter::UsageRecord& record,
              const meter::TokenTotals& totals) {
  if (record.side == meter::Side::kBoth) {
    return;
  }
  const domain::Snapshot& snapshot = request.snapshot();
  const domain::Endpoint& endpoint = snapshot[leg.endpoint];
  log_info(
      "gateway",
      record.side == meter::Side::kBought ? "served by another site" : "served for another site",
      {{"request", request.id_view()},
       {"leg", leg.number},
       {"site", snapshot[endpoint.site].name},
       {"endpoint", endpoint.name},
       {"end", name_of(record.end)},
       {"input", totals.input + totals.cached_input},
       {"output", totals.output}});
}

}  // namespace

io::Task<Result<void>> Gateway::admission_durable(Request& request) {
  if (!request.admitted || request.admitted->done()) {
    co_return Result<void>{};
  }
  co_return io::to_result(co_await request.admitted->wait(), "waiting for the books");
}

void Gateway::checkpoint(const Request& request, Leg& leg) {
  if (request.admission && leg.usage.take_checkpoint(loop_.now())) {
    const meter::UsageVector usage = leg.usage.consumed();
    books_.checkpoint(*request.admission,
                      {leg.number, request.snapshot()[leg.endpoint].uid, usage});
    fail_point("gateway.after_checkpoint");
  }
}

meter::UsageRecord Gateway::close_record(Request& request, const Leg& leg, meter::End end) {
  const io::Stream& asked = request.client.stream();
  if (request.hop && (asked.peer_finished() || asked.peer_gone())) {
    end = meter::End::kClientGone;  // that edge has gone, or on to another: nobody buys this leg
  }
  meter::UsageRecord record = make_record(request, leg);
  record.end = end;
  record.settled_us = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(loop_.clock().now() - request.arrived)
          .count());
  const meter::TokenTotals totals = record.reported.totals();
  request.reservation.settle(
      static_cast<std::int64_t>(totals.input + totals.cached_input + totals.output));
  Routing::learn(request, leg, end, totals);
  request.told.tokens = totals;
  request.told.endpoint = leg.endpoint.value;
  metrics_.ended[static_cast<std::size_t>(end)].add();
  metrics_.input_tokens.add(totals.input);
  metrics_.cached_input_tokens.add(totals.cached_input);
  metrics_.output_tokens.add(totals.output);
  metrics_.estimated.add(leg.usage.estimated() ? 1 : 0);
  if (leg.overcounted) {
    log_warning(
        "gateway",
        "an engine counted more output tokens than the request allows, which is not believed; "
        "billed by its counts before, else by what was seen of the answer",
        {{"request", to_string(request.id.uid)},
         {"endpoint", request.snapshot()[leg.endpoint].name}});
  }
  tell_hop(request, leg, record, totals);
  return record;
}

void Gateway::settle(Request& request, const Leg& leg, meter::End end) {
  settle(request, leg, end, nullptr);
}

// The record is made and encoded on the stack: in the frame of a coroutine that waits it would be
// two kilobytes of memory that nobody has in its cache.
void Gateway::settle(Request& request, const Leg& leg, meter::End end,
                     meter::DurableWaiter* waiter) {
  meter::UsageRecord record = close_record(request, leg, end);
  books_.settle(*request.admission, record, make_annexes(request, random_), waiter);
  request.admission.reset();
}

io::Task<Result<std::uint64_t>> Gateway::settle_durably(Request& request, const Leg& leg) {
  Durable durable;
  settle(request, leg, meter::End::kComplete, &durable);
  fail_point("gateway.after_settle");
  io::Context& context = co_await io::this_context();
  const Instant since = loop_.clock().now();
  context.set_deadline(loop_.now() + kBooksPatience);
  while (!durable.done()) {
    const io::Wake wake = co_await durable.wait();
    if (wake == io::Wake::kCancelled && context.reason() != Code::kClosed) {
      context.clear_cancel();  // the site stops; this answer is whole and still goes out
      continue;
    }
    if (wake == io::Wake::kTimeout) {
      log_error("gateway", "the books did not sync in time; check the disk",
                {{"request", request.id_view()}, {"seconds", kBooksPatience / 1s}});
    }
    TDN_CO_TRY_VOID(io::to_result(wake, "waiting for the books"));
  }
  metrics_.settle.observe(loop_.clock().now() - since);
  co_return durable.seq();
}

void Gateway::refuse_admission(Request& request, Code code) {
  books_.refuse(*request.admission, code);
  request.admission.reset();
  request.reservation.settle(0);
}

}  // namespace tdn::gateway

// POST /tdn/v1/explain: a request as it would be sent, decided and told, and nothing else done: no
// limit is charged, nothing is dispatched, journalled or remembered.
#include "route/explain.h"

#include "gateway/gateway.h"
#include "gateway/phases.h"
#include "io/loop.h"

namespace tdn::gateway {
namespace {

// The body says by its members of which operation it is.
Result<void> parse_any(Request& request) {
  for (const codec::Operation operation :
       {codec::Operation::kChatCompletions, codec::Operation::kCompletions,
        codec::Operation::kEmbeddings}) {
    request.operation = operation;
    TDN_TRY_VOID(parse(request));
    if (request.scan.text_at.present()) {
      break;
    }
  }
  return {};
}

bool wants_text(const codec::RequestHead& head) {
  return head.find("accept").value_or("").starts_with("text/plain");
}

std::vector<route::Place> places_of(const domain::Snapshot& snapshot,
                                    std::span<const route::Facts> all) {
  std::vector<route::Place> places;
  for (const route::Facts& facts : all) {
    places.push_back({snapshot[facts.site].name, snapshot[facts.endpoint].name});
  }
  return places;
}

}  // namespace

std::string Gateway::tell_decision(const Request& request) {
  const domain::Snapshot& snapshot = request.snapshot();
  const Routing::Weighed weighed = routing_.weigh(request, {}, loop_.now());
  const std::vector<route::Place> places = places_of(snapshot, weighed.decision.all);
  route::Explanation told;
  told.request = request.id_view();
  told.at = request.arrived_wall;
  told.here = snapshot[request.catalogue->here()].name;
  told.model = snapshot[request.model].name;
  told.body_bytes = request.body.size();
  told.work = &weighed.work;
  told.facts = weighed.decision.all;
  told.places = places;
  told.decision = weighed.decision;
  std::string refusal;
  if (weighed.decision.refused()) {
    refusal = routing_.refusal(request, weighed.decision).detail();
    told.refusal = refusal;
  }
  return wants_text(request.client.head()) ? route::to_text(told) : route::to_json(told);
}

io::Task<Result<void>> Gateway::explain(Request& request) {
  const Result<void> allowed = may_open_body(request);
  if (!allowed) {
    request.client.wipe_unread();
    request.client.close_after_answer();
    co_return allowed;
  }
  TDN_CO_TRY(request.body, co_await request.client.read_body());
  TDN_CO_TRY_VOID(parse_any(request));
  const Result<void> narrowed = narrow(request);
  // That policy leaves nobody is an answer here: each endpoint then says so.
  if (!narrowed && narrowed.error().code() != Code::kPolicyDenied) {
    co_return narrowed;
  }
  TDN_CO_TRY_VOID(Routing::read_preferences(request));
  const std::string body = tell_decision(request);
  const codec::Field id{"x-request-id", request.id_view()};
  http::Answer answer;
  answer.content_type =
      wants_text(request.client.head()) ? "text/plain; charset=utf-8" : "application/json";
  answer.fields = std::span(&id, 1);
  answer.body = body;
  const Result<void> sent = co_await request.client.respond(answer);
  if (!sent) {
    request.client.abort();
  }
  co_return Result<void>{};
}

}  // namespace tdn::gateway

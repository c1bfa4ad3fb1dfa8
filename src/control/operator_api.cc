#include "control/operator_api.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "control/api_answer.h"

namespace tdn::control {
namespace {

using store::Transaction;

// An edge that has said nothing of its books for so long is named as late.
constexpr Duration kLate = std::chrono::seconds(10);

WallTime before(WallTime time, Duration by) {
  return {time.us - std::chrono::duration_cast<std::chrono::microseconds>(by).count()};
}

// Sites without whose records usage is not complete: there is an edge, and its site is in the
// catalogue. Deleting a site that is away writes off what it may still owe, or a lost machine would
// keep the books open for ever; one that is there is still waited for.
bool counts(const SiteBooks& site, const Hub& hub) {
  return site.edge.has_value() && (site.in_catalogue || hub.view(site.site).connected);
}

void complete(meter::UsageReport& report, const std::vector<SiteBooks>& sites, const Hub& hub,
              const std::optional<std::vector<std::string>>& late, WallTime now) {
  bool first = true;
  for (const SiteBooks& site : sites) {
    if (!counts(site, hub)) {
      continue;
    }
    const std::optional<WallTime> through = site.edge->complete_through;
    report.complete_through = first ? through : std::min(report.complete_through, through);
    first = false;
    if (!late && (!through || *through < before(now, kLate))) {
      report.late_sites.push_back(site.site);
    }
  }
  if (late) {
    report.late_sites = *late;
  }
}

}  // namespace

io::Task<> OperatorApi::handle(http::ServerConnection& client, Target target) {
  Result<std::string> body = co_await respond(client, target);
  if (body) {
    co_await answer(client, 200, *std::move(body));
  } else {
    co_await answer_error(client, std::move(body).error());
  }
}

io::Task<Result<std::string>> OperatorApi::respond(http::ServerConnection& client,
                                                   const Target& target) {
  const std::string query(client.head().query());
  TDN_CO_TRY(const std::string_view read, co_await client.read_body());
  std::string body(read);
  client.release_request();
  Core& core = shared_.core;
  switch (target.endpoint) {
    case Endpoint::kApply:
      co_return co_await apply(std::move(body));
    case Endpoint::kList:
      co_return co_await list(target.kind);
    case Endpoint::kGet: {
      ObjectName object{target.kind, target.name};
      co_return co_await get(std::move(object));
    }
    case Endpoint::kIssue:
      co_return co_await issue(target.name);
    case Endpoint::kUsage:
      co_return co_await usage(query);
    case Endpoint::kNetwork:
      co_return co_await network();
    case Endpoint::kRotate:
      co_return co_await rotate();
    case Endpoint::kDelete: {
      std::vector<ObjectName> one{{target.kind, target.name}};
      co_return co_await remove(std::move(one));
    }
    case Endpoint::kDeleteAll: {
      TDN_CO_TRY(std::vector<ObjectName> objects, parse_delete(body));
      co_return co_await remove(std::move(objects));
    }
    case Endpoint::kRevoke: {
      TDN_CO_TRY(const std::string id, parse_revoke(body));
      const std::string key = target.name;
      std::function<Result<Changed>(Transaction&)> revoke = [&core, key, id](Transaction& tx) {
        return core.revoke(tx, key, id);
      };
      co_return co_await change(std::move(revoke));
    }
    default:
      co_return fail(Code::kNotFound, "this is no part of the operator's API");
  }
}

io::Task<Acknowledgement> OperatorApi::known(const Changed& changed) {
  if (changed.published) {
    shared_.metrics.changes.add();
    shared_.publish(changed.snapshot);
  }
  const Instant until = shared_.loop.clock().now() + kPatience;
  co_return co_await shared_.hub.wait_acknowledged(changed.snapshot->order, until);
}

io::Task<Result<std::string>> OperatorApi::apply(std::string body) {
  TDN_CO_TRY(ApplyRequest request, parse_apply(body));
  body.clear();
  const bool dry_run = request.dry_run;
  auto sources = std::make_shared<std::vector<domain::Source>>(std::move(request.sources));
  Core& core = shared_.core;
  std::function<Result<Changed>(Transaction&)> operation =
      [&core, sources, dry_run](Transaction& tx) { return core.apply(tx, *sources, dry_run); };
  if (!dry_run) {
    co_return co_await change(std::move(operation));
  }
  TDN_CO_TRY(const Changed planned, co_await shared_.committer.run<Changed>(std::move(operation)));
  co_return changed_json(planned, {});
}

io::Task<Result<std::string>> OperatorApi::remove(std::vector<ObjectName> objects) {
  Core& core = shared_.core;
  std::function<Result<Changed>(Transaction&)> operation = [&core, objects](Transaction& tx) {
    return core.remove(tx, objects);
  };
  co_return co_await change(std::move(operation));
}

io::Task<Result<std::string>> OperatorApi::change(
    std::function<Result<Changed>(Transaction&)> operation) {
  TDN_CO_TRY(const Changed changed, co_await shared_.committer.run<Changed>(std::move(operation)));
  const Acknowledgement acknowledgement = co_await known(changed);
  co_return changed_json(changed, acknowledgement);
}

io::Task<Result<std::string>> OperatorApi::issue(std::string key) {
  Core& core = shared_.core;
  std::function<Result<Issued>(Transaction&)> operation = [&core, key](Transaction& tx) {
    return core.issue(tx, key);
  };
  TDN_CO_TRY(const Issued issued, co_await shared_.committer.run<Issued>(std::move(operation)));
  const Acknowledgement acknowledgement = co_await known(issued.changed);
  co_return issued_json(issued, acknowledgement);
}

io::Task<Result<std::string>> OperatorApi::list(domain::Kind kind) {
  Core& core = shared_.core;
  std::function<Result<std::vector<Shown>>(Transaction&)> operation =
      [&core, kind](Transaction&) -> Result<std::vector<Shown>> { return core.list(kind); };
  TDN_CO_TRY(const std::vector<Shown> objects,
             co_await shared_.committer.run<std::vector<Shown>>(std::move(operation)));
  co_return list_json(objects, shared_.hub);
}

io::Task<Result<std::string>> OperatorApi::get(ObjectName object) {
  Core& core = shared_.core;
  std::function<Result<Shown>(Transaction&)> operation = [&core, object](Transaction&) {
    return core.get(object);
  };
  TDN_CO_TRY(const Shown shown, co_await shared_.committer.run<Shown>(std::move(operation)));
  co_return object_json(shown, shared_.hub);
}

io::Task<Result<std::vector<SiteBooks>>> OperatorApi::sites() {
  Core& core = shared_.core;
  std::function<Result<std::vector<SiteBooks>>(Transaction&)> operation = [&core](Transaction& tx) {
    return core.sites(tx);
  };
  co_return co_await shared_.committer.run<std::vector<SiteBooks>>(std::move(operation));
}

io::Task<Result<std::string>> OperatorApi::network() {
  TDN_CO_TRY(const std::vector<SiteBooks> all, co_await sites());
  co_return network_json(all, shared_.hub, shared_.clock->wall());
}

// Those that are late, once all others are complete through now.
io::Task<Result<std::vector<std::string>>> OperatorApi::wait_for_uploads(const UsageQuery& query) {
  const Instant until = shared_.loop.clock().now() + *query.wait;
  TDN_CO_TRY(const std::vector<SiteBooks> all, co_await sites());
  std::vector<std::string> names;
  for (const SiteBooks& site : all) {
    if (counts(site, shared_.hub)) {
      names.push_back(site.site);
    }
  }
  co_return co_await shared_.hub.wait_uploaded(std::move(names), until);
}

io::Task<Result<std::string>> OperatorApi::usage(std::string query_text) {
  TDN_CO_TRY(const UsageQuery query, parse_usage_query(query_text));
  std::optional<std::vector<std::string>> late;
  const WallTime begin = shared_.clock->wall();
  if (query.wait) {
    TDN_CO_TRY(late, co_await wait_for_uploads(query));
  }
  Core& core = shared_.core;
  const std::vector<meter::Dimension> by = query.by;
  std::function<Result<UsageAnswer>(Transaction&)> operation = [&core, by](Transaction& tx) {
    return core.usage(tx, by);
  };
  TDN_CO_TRY(UsageAnswer usage, co_await shared_.committer.run<UsageAnswer>(std::move(operation)));
  complete(usage.report, usage.sites, shared_.hub, late, shared_.clock->wall());
  if (late && late->empty()) {  // each edge has uploaded all that it had since this was asked
    usage.report.complete_through = std::max(usage.report.complete_through, std::optional(begin));
  }
  co_return meter::to_json(usage.report);
}

io::Task<Result<std::string>> OperatorApi::rotate() {
  Core& core = shared_.core;
  const auto rotate_secret = shared_.rotate_secret;
  std::function<Result<std::uint32_t>(Transaction&)> operation =
      [&core, rotate_secret](Transaction&) -> Result<std::uint32_t> {
    TDN_TRY(std::vector<NetworkSecret> secrets, rotate_secret());
    const std::uint32_t version = secrets.back().version;
    core.set_network_secrets(std::move(secrets));
    return version;
  };
  TDN_CO_TRY(const std::uint32_t version,
             co_await shared_.committer.run<std::uint32_t>(std::move(operation)));
  log_info("control", "a new network secret", {{"version", version}});
  co_return R"({"version":)" + std::to_string(version) + "}";
}

}  // namespace tdn::control

#include "control/api_answer.h"

#include <algorithm>

#include "codec/error_body.h"
#include "codec/json_writer.h"

namespace tdn::control {
namespace {

using codec::JsonWriter;

void write_order(JsonWriter& json, const protocol::SnapshotOrder& order) {
  json.begin_object().key("controlEpoch").string(std::to_string(order.control_epoch));
  json.key("version").string(std::to_string(order.version)).end_object();
}

void write_names(JsonWriter& json, std::string_view key, const std::vector<std::string>& names) {
  json.key(key).begin_array();
  for (const std::string& name : names) {
    json.string(name);
  }
  json.end_array();
}

void write_results(JsonWriter& json, const std::vector<Outcome>& results) {
  json.key("results").begin_array();
  for (const Outcome& outcome : results) {
    json.begin_object().key("kind").string(domain::to_string(outcome.object.kind));
    json.key("name").string(outcome.object.name);
    json.key("action").string(to_string(outcome.action));
    json.key("uid").string(outcome.uid.is_zero() ? "" : tdn::to_string(outcome.uid));
    json.key("resourceVersion")
        .string(outcome.resource_version == 0 ? "" : std::to_string(outcome.resource_version));
    json.end_object();
  }
  json.end_array();
}

void write_changed(JsonWriter& json, const Changed& changed, const Acknowledgement& known) {
  write_results(json, changed.results);
  json.key("snapshot");
  write_order(json, changed.snapshot->order);
  write_names(json, "acknowledged", known.acknowledged);
  write_names(json, "missing", known.missing);
}

// What the edges say of a site or an endpoint.
std::string status_of(const Shown& object, const Hub& hub) {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  if (object.kind == domain::Kind::kSite) {
    const SiteView view = hub.view(object.name);
    json.key("connected").boolean(view.connected).key("snapshot");
    write_order(json, view.snapshot);
  } else if (object.kind == domain::Kind::kEndpoint) {
    json.key("health").string(protocol::to_string(hub.health_of(object.uid)));
  }
  json.end_object();
  return text;
}

void write_endpoint(JsonWriter& json, const SiteBooks::Endpoint& endpoint, const SiteView& view) {
  const auto report =
      std::ranges::find(view.endpoints, endpoint.uid, &protocol::EndpointReport::uid);
  const protocol::EndpointReport shown =
      report == view.endpoints.end() ? protocol::EndpointReport() : *report;
  json.begin_object().key("name").string(endpoint.name);
  json.key("uid").string(tdn::to_string(endpoint.uid));
  json.key("health").string(protocol::to_string(shown.health));
  json.key("running").number(std::uint64_t{shown.running});
  json.key("waiting").number(std::uint64_t{shown.waiting});
  json.key("tokensPerSecond").number(std::uint64_t{shown.tokens_per_second});
  json.key("ttftMs").number(std::uint64_t{shown.ttft_ms}).end_object();
}

void write_site(JsonWriter& json, const SiteBooks& site, const SiteView& view, WallTime now) {
  json.begin_object().key("name").string(site.site);
  json.key("state").string(site.in_catalogue ? site.state : "deleted");
  json.key("connected").boolean(view.connected).key("lastSync");
  site.edge ? json.string(to_rfc3339(site.edge->last_sync)) : json.null();
  json.key("edge");
  site.edge ? json.string(tdn::to_string(site.edge->edge)) : json.null();
  json.key("quarantine");
  site.edge && !site.edge->quarantine.empty() ? json.string(site.edge->quarantine) : json.null();
  json.key("snapshot");
  write_order(json, view.snapshot);
  json.key("refusedSnapshot");
  view.refused_snapshot.empty() ? json.null() : json.string(view.refused_snapshot);
  json.key("acked").string(std::to_string(site.acked)).key("lateBy");
  if (site.edge && site.edge->complete_through) {
    const std::int64_t late_us = now.us - site.edge->complete_through->us;
    json.number(std::max<std::int64_t>(late_us, 0) / 1'000'000);
  } else {
    json.null();
  }
  // Of a site that is away nothing is known but what was.
  const SiteView now_known = view.connected ? view : SiteView();
  json.key("endpoints").begin_array();
  for (const SiteBooks::Endpoint& endpoint : site.endpoints) {
    write_endpoint(json, endpoint, now_known);
  }
  json.end_array().end_object();
}

}  // namespace

std::string changed_json(const Changed& changed, const Acknowledgement& known) {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  write_changed(json, changed, known);
  json.end_object();
  return text;
}

std::string issued_json(const Issued& issued, const Acknowledgement& known) {
  std::string text;
  JsonWriter json(text);
  json.begin_object().key("key").string(issued.key.reveal()).key("id").string(issued.id);
  write_changed(json, issued.changed, known);
  json.end_object();
  return text;
}

std::string object_json(const Shown& object, const Hub& hub) {
  return show(object.kind, object.document, status_of(object, hub));
}

std::string list_json(const std::vector<Shown>& objects, const Hub& hub) {
  std::string text = R"({"items":[)";
  for (const Shown& object : objects) {
    text += text.ends_with('[') ? "" : ",";
    text += object_json(object, hub);
  }
  return text + "]}";
}

std::string network_json(const std::vector<SiteBooks>& sites, const Hub& hub, WallTime now) {
  std::string text;
  JsonWriter json(text);
  json.begin_object().key("snapshot");
  write_order(json, hub.snapshot()->order);
  json.key("sites").begin_array();
  for (const SiteBooks& site : sites) {
    write_site(json, site, hub.view(site.site), now);
  }
  json.end_array().end_object();
  return text;
}

std::string error_json(const Error& error) {
  std::string body = codec::openai_error_body(error);
  if (error.code() != Code::kInvalidManifest) {
    return body;
  }
  body.pop_back();
  body += R"(,"problems":[)";
  std::string_view rest = error.detail();
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    codec::append_json_string(body, line);
    body += rest.empty() ? "" : ",";
  }
  return body + "]}";
}

}  // namespace tdn::control

#include "control/api_reference.h"

#include <fmt/format.h>

#include <array>

namespace tdn::control {
namespace {

constexpr std::string_view kPreamble =
    R"(<!-- Generated from src/control/api_reference.cc by control_test with TDN_REGENERATE=1. Do not edit. -->
# Control's API

What `tdn control` serves, on loopback. All is JSON; integers that can pass 2⁵³ are decimal strings; times are
UTC as `2026-01-01T00:00:00.000000Z`. Unknown members of a request are passed over.

`/api/v1` takes the operator's token (`operator-token` of control's state folder), `/edge/v1` an edge's node
secret, both as `Authorization: Bearer …`. Names of projects and keys stand in paths with their slashes.

**Errors** are `{"error":{"message","type","code","param"}}`; `message` says what was wrong and what to do.

| code | status | when |
|---|---|---|
| `invalid_request` | 400 | the body or the query is not what is described here |
| `invalid_manifest` | 400 | what was applied has faults; all are in `"problems":["file:line: path: what; what to do"]` beside `error` |
| `invalid_token` | 401 | no token, or not the operator's |
| `not_found` | 404 | no such object or address |
| `method_not_allowed` | 405 | the address takes another method, which is named |
| `conflict` | 409 | `resourceVersion` is not the current one; a third live secret |
| `in_use` | 409 | what is to be deleted is referred to; the objects are named |
| `request_too_large` | 413 | a body beyond 32 MiB, of a sync beyond 4 MiB |
| `overloaded`, `storage_unavailable` | 503 | try again; nothing was changed |

Those of `/edge/v1/sync` are in [formats/sync.md](formats/sync.md).

**Changes** (apply, delete, issue, revoke) are durable when they are answered, and wait up to 5 s for every
connected edge to say that it serves by them: `acknowledged` and `missing` name the sites. `resourceVersion` is
the version of the snapshot that first held the object as it is.
)";

constexpr std::string_view kChanged =
    R"({"results":[{"kind":"Tenant","name":"demo","action":"created","uid":"0192f0c0-a000-7000-8000-000000000003","resourceVersion":"7"}],"snapshot":{"controlEpoch":"1","version":"7"},"acknowledged":["frankfurt"],"missing":["paris"]})";
constexpr std::string_view kObject =
    R"({"apiVersion":"tdn/v1","kind":"Tenant","metadata":{"name":"demo","uid":"0192f0c0-a000-7000-8000-000000000003","resourceVersion":"7","createdAt":"2026-01-01T00:00:00.000000Z"},"spec":{"displayName":"Demo"},"status":{}})";

constexpr std::array<DescribedEndpoint, kEndpoints> kDescribed{
    {
        {Endpoint::kApply, "POST", "/api/v1/apply",
         "Makes objects as the manifests say, all or none. `name` is what errors call a source; a "
         "source holds one or more documents of YAML or JSON. `action` is `created`, `configured` "
         "or "
         "`unchanged`. With `dryRun` nothing is changed, and what would be created has no uid yet. "
         "`metadata.resourceVersion`, where given, must be the current one; `uid`, `createdAt` and "
         "`status` are passed over.",
         R"({"sources":[{"name":"tenant.yaml","text":"apiVersion: tdn/v1\nkind: Tenant\nmetadata: {name: demo}\n"}],"dryRun":false})",
         kChanged},
        {Endpoint::kList, "GET", "/api/v1/{plural}",
         "All objects of a kind: zones, sites, models, endpoints, tenants, projects, keys, "
         "policies; "
         "by name.",
         "",
         R"({"items":[{"apiVersion":"tdn/v1","kind":"Tenant","metadata":{"name":"demo","uid":"0192f0c0-a000-7000-8000-000000000003","resourceVersion":"7","createdAt":"2026-01-01T00:00:00.000000Z"},"spec":{"displayName":"Demo"},"status":{}}]})"},
        {Endpoint::kGet, "GET", "/api/v1/{plural}/{name}",
         "One object: the manifest, what is at its default left out, and what tdn writes. `status` "
         "of "
         "a Site is `{\"connected\",\"snapshot\":{\"controlEpoch\",\"version\"}}`, of an Endpoint "
         "`{\"health\"}`: unknown, up, down or ejected.",
         "", kObject},
        {Endpoint::kDelete, "DELETE", "/api/v1/{plural}/{name}",
         "Refused with `in_use` while something refers to it. Created again, it is another object.",
         "",
         R"({"results":[{"kind":"Tenant","name":"demo","action":"deleted","uid":"0192f0c0-a000-7000-8000-000000000003","resourceVersion":"8"}],"snapshot":{"controlEpoch":"1","version":"8"},"acknowledged":["frankfurt"],"missing":["paris"]})"},
        {Endpoint::kDeleteAll, "POST", "/api/v1/delete",
         "Objects that may refer to each other, all or none: refused with `in_use` while something "
         "else "
         "refers to one of them. One that is not there is told as `missing`; `not_found` if none "
         "is.",
         R"({"objects":[{"kind":"Tenant","name":"demo"},{"kind":"Project","name":"demo/playground"}]})",
         R"({"results":[{"kind":"Project","name":"demo/playground","action":"deleted","uid":"0192f0c0-a000-7000-8000-000000000004","resourceVersion":"8"},{"kind":"Tenant","name":"demo","action":"deleted","uid":"0192f0c0-a000-7000-8000-000000000003","resourceVersion":"8"}],"snapshot":{"controlEpoch":"1","version":"8"},"acknowledged":["frankfurt"],"missing":["paris"]})"},
        {Endpoint::kIssue, "POST", "/api/v1/keys/{name}/issue",
         "A new secret for a key; the Key is made if its project exists. `key` is shown this once "
         "and "
         "kept nowhere. Two secrets may live, so that one can replace the other.",
         "",
         R"({"key":"sk-tdn-…","id":"4k7m2q9xwd","results":[{"kind":"Key","name":"demo/playground/laptop","action":"created","uid":"0192f0c0-a000-7000-8000-000000000005","resourceVersion":"9"}],"snapshot":{"controlEpoch":"1","version":"9"},"acknowledged":["frankfurt"],"missing":["paris"]})"},
        {Endpoint::kRevoke, "POST", "/api/v1/keys/{name}/revoke",
         "Ends a secret by its id, or all of the key's with `{}`.", R"({"id":"4k7m2q9xwd"})",
         R"({"results":[{"kind":"Key","name":"demo/playground/laptop","action":"configured","uid":"0192f0c0-a000-7000-8000-000000000005","resourceVersion":"10"}],"snapshot":{"controlEpoch":"1","version":"10"},"acknowledged":["frankfurt"],"missing":["paris"]})"},
        {Endpoint::kUsage, "GET", "/api/v1/usage?by={dimensions}&wait={seconds}",
         "What was bought, each request once however many sites served it. `by` (default model): "
         "tenant, project, key, model, site, endpoint, user, tag, several with commas; site and "
         "endpoint are the serving ones; a request with several tags counts under each. `wait` (0 "
         "to "
         "60) asks the edges to sync first and answers once all that was settled before the call "
         "is "
         "here, or after so many seconds. `completeThrough` (or null): all that was settled until "
         "then "
         "is in the rows; `lateSites` have not uploaded since the call, without `wait` not for 10 "
         "s. If there are any, `setAside` names books that are out of service and may hold records "
         "that never came here: `[{\"site\",\"edge\",\"reason\"}]`.",
         "",
         R"({"rows":[{"by":{"model":"smollm2"},"requests":"2","tokens":{"input":"20","cachedInput":"0","output":"11"},"amount":"0.000000011","currency":"USD"}],"completeThrough":"2026-01-01T00:00:00.000000Z","lateSites":["paris"]})"},
        {Endpoint::kNetwork, "GET", "/api/v1/network",
         "Every site and how its endpoints do, as their edges said last. `state` is active, "
         "cordoned, "
         "draining, or deleted for a site whose books are still here. `acked`: records of the "
         "current "
         "epoch that are here. `lateBy`: seconds since all that was settled there was here. "
         "`quarantine` and `refusedSnapshot` say why, or are null.",
         "",
         R"({"snapshot":{"controlEpoch":"1","version":"10"},"sites":[{"name":"frankfurt","state":"active","connected":true,"lastSync":"2026-01-01T00:00:00.000000Z","edge":"0192f0c0-a000-7000-8000-000000000002","quarantine":null,"snapshot":{"controlEpoch":"1","version":"10"},"refusedSnapshot":null,"acked":"140","lateBy":0,"endpoints":[{"name":"frankfurt-1","uid":"0192f0c0-a000-7000-8000-000000000007","health":"up","running":2,"waiting":0,"tokensPerSecond":41,"ttftMs":180}]}]})"},
        {Endpoint::kRotate, "POST", "/api/v1/network/rotate-secret",
         "A new secret behind the keys of route tokens. The one before it stays good until the "
         "next "
         "rotation, so wait until every edge has synced before another.",
         "", R"({"version":2})"},
        {Endpoint::kSync, "POST", "/edge/v1/sync",
         "Usage up, knowledge down: [formats/sync.md](formats/sync.md).", "",
         "see [formats/sync.md](formats/sync.md)"},
        {Endpoint::kWatch, "GET", "/edge/v1/watch",
         "Server-sent events `snapshot`, `peers`, `sync`, and a comment each 5 s: "
         "[formats/sync.md](formats/sync.md). One per site: a newer one ends the former.",
         "", "`text/event-stream`"},
        {Endpoint::kSection, "GET", "/edge/v1/sections/{sha256}",
         "The bytes of a section of the snapshot in force, or of the one before it: "
         "[formats/snapshot.md](formats/snapshot.md).",
         "", "the section"},
        {Endpoint::kHealth, "GET", "/healthz", "200 while the process lives. No token.", "",
         "`ok`"},
        {Endpoint::kReady, "GET", "/readyz", "200 while it serves, 503 while it stops. No token.",
         "", "`ok`"},
        {Endpoint::kMetrics, "GET", "/metrics", "Prometheus' text format. No token.", "",
         "`text/plain; version=0.0.4`"},
    }};

constexpr bool rows_in_order() {
  for (std::size_t i = 0; i < kDescribed.size(); ++i) {
    if (kDescribed[i].endpoint != static_cast<Endpoint>(i)) {
      return false;
    }
  }
  return true;
}
static_assert(rows_in_order(), "every endpoint is described, in the order of the enum");

}  // namespace

std::span<const DescribedEndpoint> described_endpoints() { return kDescribed; }

std::string control_api_reference() {
  std::string page{kPreamble};
  for (const DescribedEndpoint& endpoint : kDescribed) {
    page += fmt::format("\n## `{} {}`\n\n{}\n", endpoint.method, endpoint.path, endpoint.prose);
    if (!endpoint.request.empty()) {
      page += fmt::format("\nRequest:\n\n```json\n{}\n```\n", endpoint.request);
    }
    if (endpoint.answer.starts_with('{')) {
      page += fmt::format("\nAnswer:\n\n```json\n{}\n```\n", endpoint.answer);
    } else {
      page += fmt::format("\nAnswer: {}.\n", endpoint.answer);
    }
  }
  return page;
}

}  // namespace tdn::control

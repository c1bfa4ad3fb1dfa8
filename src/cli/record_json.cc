#include "cli/record_json.h"

#include <array>
#include <span>
#include <string>
#include <string_view>

#include "base/money.h"
#include "base/time.h"
#include "codec/hex.h"

namespace tdn::cli {
namespace {

using codec::JsonWriter;

constexpr std::array<std::string_view, 4> kSides{"", "bought", "sold", "both"};
constexpr std::array<std::string_view, 5> kOwnerKinds{"partner", "tenant", "project", "key",
                                                      "childKey"};
constexpr std::array<std::string_view, 10> kOperations{
    "",         "chat/completions", "completions",   "embeddings", "responses",
    "messages", "images",           "transcription", "speech",     "rerank"};
constexpr std::array<std::string_view, 7> kEnds{
    "complete", "client_gone", "upstream_died", "budget", "orphan", "blocked", "timed_out"};
constexpr std::array<std::string_view, 6> kFinishes{"none", "stop",   "length",
                                                    "tool", "filter", "refusal"};
constexpr std::array<std::string_view, 7> kFlags{"estimated", "streamed", "continued", "hedged",
                                                 "simulated", "byok",     "rebuilt"};

// The number itself where a newer version wrote one we have no word for.
template <class Enum>
std::string word(Enum value, std::span<const std::string_view> words) {
  const auto number = static_cast<std::uint64_t>(value);
  return number < words.size() ? std::string(words[number]) : std::to_string(number);
}

void uid(JsonWriter& json, std::string_view name, const Uid& uid) {
  if (!uid.is_zero()) {
    json.key(name).string(to_string(uid));
  }
}

void number(JsonWriter& json, std::string_view name, std::uint64_t value) {
  json.key(name).string(std::to_string(value));
}

void digest(JsonWriter& json, std::string_view name, const meter::Digest& digest) {
  if (digest != meter::Digest{}) {
    json.key(name).string(codec::to_hex(digest));
  }
}

void write_parties(JsonWriter& json, const meter::UsageRecord& record) {
  json.key("owners").begin_array();
  for (const meter::Owner& owner : record.owners) {
    json.begin_object().key("kind").string(word(owner.kind, kOwnerKinds));
    uid(json, "uid", owner.uid);
    json.end_object();
  }
  json.end_array();
  uid(json, "admittingSite", record.admitting.site);
  uid(json, "servingSite", record.serving.site);
  uid(json, "endpoint", record.serving.endpoint);
  uid(json, "model", record.served.model);
  uid(json, "requested", record.requested.uid);
  json.key("operation").string(word(record.operation, kOperations));
}

void write_course(JsonWriter& json, const meter::UsageRecord& record) {
  json.key("admitted").string(to_rfc3339(record.admitted));
  number(json, "firstByteUs", record.first_byte_us);
  number(json, "lastTokenUs", record.last_token_us);
  number(json, "settledUs", record.settled_us);
  json.key("end").string(word(record.end, kEnds));
  json.key("finish").string(word(record.finish, kFinishes));
  json.key("flags").begin_array();
  for (std::size_t bit = 0; bit < kFlags.size(); ++bit) {
    if ((record.flags >> bit & 1U) != 0) {
      json.string(kFlags[bit]);
    }
  }
  json.end_array();
  json.key("reported");
  write_usage(json, record.reported);
  if (!record.verified.empty()) {
    json.key("verified");
    write_usage(json, record.verified);
  }
  if (!record.legs.empty()) {
    json.key("legs").number(static_cast<std::uint64_t>(record.legs.size()));
  }
}

}  // namespace

void write_usage(JsonWriter& json, const meter::UsageVector& usage) {
  json.begin_object();
  usage.for_each([&json](std::uint64_t token_class, std::uint64_t count) {
    json.key(std::to_string(token_class)).string(std::to_string(count));
  });
  json.end_object();
}

void write_record(JsonWriter& json, const meter::UsageRecord& record) {
  json.begin_object();
  uid(json, "request", record.request.uid);
  number(json, "leg", record.leg);
  json.key("side").string(word(record.side, kSides));
  uid(json, "edge", record.edge);
  number(json, "epoch", record.epoch);
  if (record.seq != 0) {
    number(json, "seq", record.seq);
    json.key("prev").string(codec::to_hex(record.prev));
  }
  write_parties(json, record);
  write_course(json, record);
  json.key("amount").string(to_string(record.charged.amount));
  json.key("currency").string(record.charged.currency.text());
  number(json, "admission", record.admission.lsn);
  digest(json, "tenantAnnex", record.tenant_annex);
  digest(json, "operatorAnnex", record.operator_annex);
  if (meter::is_recycled(record)) {
    json.key("recycled").boolean(true);
  }
  json.end_object();
}

}  // namespace tdn::cli

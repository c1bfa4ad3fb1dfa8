#include "requests/entry.h"

#include <algorithm>
#include <array>
#include <limits>

#include "codec/cbor.h"

namespace tdn::requests {
namespace {

using codec::CborReader;
using codec::CborWriter;

// What a reader takes at most, so that a forged count allocates nothing to speak of.
constexpr std::size_t kMostNames = 100'000;

constexpr std::size_t kDecidedFields = 19;
constexpr std::size_t kEndedFields = 15;
constexpr std::size_t kFactsFields = 24;
constexpr std::size_t kFactsFieldsOnce = 23;  // before prompt_us
constexpr std::size_t kWorkFields = 6;

enum FactFlags : std::uint64_t { kComparable = 1, kRelayed = 2, kKeepsData = 4 };
// Above the flags: percent of its slots that the endpoint is not trusted with.
constexpr unsigned kFlagBits = 3;

// Numbers one behind the other, each checked against its type.
class Fields {
 public:
  explicit Fields(CborReader& in) : in_(in) {}

  void expect(std::size_t count) {
    if (in_.array() != count) {
      in_.fail();
    }
  }
  template <class T>
  void read(T& value) {
    const std::uint64_t number = in_.uint();
    if (number > std::numeric_limits<T>::max()) {
      in_.fail();
    }
    value = static_cast<T>(number);
  }
  template <class Enum>
  void read_enum(Enum& value, std::size_t count) {
    const std::uint64_t number = in_.uint();
    if (number >= count) {
      in_.fail();
    } else {
      value = static_cast<Enum>(number);
    }
  }
  void read(Uid& uid) {
    const ByteView bytes = in_.bytes();
    if (bytes.size() != uid.bytes.size()) {
      in_.fail();
    } else {
      std::copy(bytes.begin(), bytes.end(), uid.bytes.begin());
    }
  }
  void read(bool& value) { value = in_.boolean(); }
  void read(std::string& text) { text = in_.text(); }

 private:
  CborReader& in_;
};

void write(CborWriter& out, const route::Work& work) {
  out.array(kWorkFields);
  out.uint(static_cast<std::uint64_t>(work.objective));
  out.uint(work.input_tokens);
  out.uint(work.output_tokens);
  out.uint(work.usual_input_tokens);
  out.uint(work.usual_output_tokens);
  out.uint(work.spread);
}

void read(CborReader& in, route::Work& work) {
  Fields fields(in);
  fields.expect(kWorkFields);
  fields.read_enum(work.objective, 4);
  fields.read(work.input_tokens);
  fields.read(work.output_tokens);
  fields.read(work.usual_input_tokens);
  fields.read(work.usual_output_tokens);
  fields.read(work.spread);
}

// The numbers of the facts that are plain, in the order of the format.
template <class Facts, class Visit>
void visit_numbers(Facts& facts, const Visit& visit) {
  visit(facts.endpoint.value);
  visit(facts.site.value);
  visit(facts.rank);
  visit(facts.tag);
  visit(facts.client_us);
  visit(facts.site_us);
  visit(facts.setup_us);
  visit(facts.slots);
  visit(facts.own);
  visit(facts.pending_tokens);
  visit(facts.running);
  visit(facts.waiting);
  visit(facts.ours);
  visit(facts.age_ms);
  visit(facts.prefill_ns);
  visit(facts.decode_us);
  visit(facts.cached_tokens);
  visit(facts.pause_ms);
  visit(facts.input_pico);
  visit(facts.cached_pico);
  visit(facts.output_pico);
}

void write(CborWriter& out, const route::Facts& facts) {
  out.array(kFactsFields);
  out.uint(static_cast<std::uint64_t>(facts.exclusion));
  out.uint((facts.comparable ? kComparable : 0) | (facts.relayed ? kRelayed : 0) |
           (facts.keeps_data ? kKeepsData : 0) |
           std::uint64_t{100U - std::min<unsigned>(facts.trust, 100)} << kFlagBits);
  visit_numbers(facts, [&out](std::uint64_t number) { out.uint(number); });
  out.uint(facts.prompt_us);
}

void read(CborReader& in, route::Facts& facts) {
  Fields fields(in);
  const std::size_t count = in.array();
  if (count != kFactsFields && count != kFactsFieldsOnce) {
    in.fail();
  }
  fields.read_enum(facts.exclusion, route::kExclusions);
  std::uint16_t flags = 0;
  fields.read_enum(flags, std::size_t{101} << kFlagBits);
  facts.trust = static_cast<std::uint8_t>(100 - (flags >> kFlagBits));
  facts.comparable = (flags & kComparable) != 0;
  facts.relayed = (flags & kRelayed) != 0;
  facts.keeps_data = (flags & kKeepsData) != 0;
  visit_numbers(facts, [&fields](auto& number) { fields.read(number); });
  if (count == kFactsFields) {
    fields.read(facts.prompt_us);
  }
  // Between its bounds, as gathering leaves it: the scorer divides by some of them.
  if (facts.slots == 0 || facts.prefill_ns == 0 || facts.decode_us == 0) {
    in.fail();
  }
}

template <class T, class Read>
void read_list(CborReader& in, std::size_t most, std::vector<T>& items, const Read& read_one) {
  const std::size_t count = in.array();
  if (count > most) {
    in.fail();
    return;
  }
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    read_one(items.emplace_back());
  }
}

template <class T>
Result<T> finish(const CborReader& in, T value, std::string_view what) {
  if (!in.ok() || !in.at_end()) {
    return fail(Code::kCorrupt, std::string(what) + " of the request log is malformed");
  }
  return value;
}

}  // namespace

void encode(const Names& names, ByteBuffer& buffer) {
  CborWriter out(buffer);
  out.array(5);
  out.uint(names.number);
  out.uint(names.here);
  out.array(names.sites.size());
  for (const std::string& site : names.sites) {
    out.text(site);
  }
  out.array(names.endpoints.size());
  for (const Names::Endpoint& endpoint : names.endpoints) {
    out.array(2);
    out.text(endpoint.name);
    out.uint(endpoint.site);
  }
  out.array(names.models.size());
  for (const std::string& model : names.models) {
    out.text(model);
  }
}

Result<Names> decode_names(ByteView bytes) {
  TDN_TRY_VOID(codec::cbor_check(bytes));
  CborReader in(bytes);
  Fields fields(in);
  Names names;
  fields.expect(5);
  fields.read(names.number);
  fields.read(names.here);
  read_list(in, kMostNames, names.sites, [&](std::string& site) { fields.read(site); });
  read_list(in, kMostNames, names.endpoints, [&](Names::Endpoint& endpoint) {
    fields.expect(2);
    fields.read(endpoint.name);
    fields.read(endpoint.site);
    if (endpoint.site >= names.sites.size()) {
      in.fail();
    }
  });
  read_list(in, kMostNames, names.models, [&](std::string& model) { fields.read(model); });
  return finish(in, std::move(names), "a list of names");
}

void encode(const Decided& decided, ByteBuffer& buffer) {
  CborWriter out(buffer);
  out.array(kDecidedFields);
  out.bytes(decided.request.uid.bytes);
  out.uint(decided.attempt);
  out.uint(decided.at_us);
  out.uint(decided.names);
  out.uint(decided.model);
  out.bytes(decided.tenant.bytes);
  out.bytes(decided.key.bytes);
  out.text(decided.client_country);
  out.array(decided.client_at ? 2 : 0);
  if (decided.client_at) {
    out.integer(decided.client_at->latitude);
    out.integer(decided.client_at->longitude);
  }
  out.uint(decided.body_bytes);
  out.uint(decided.output_cap);
  out.boolean(decided.streamed);
  write(out, decided.work);
  out.uint(static_cast<std::uint64_t>(decided.reason));
  out.text(decided.refusal);
  out.uint(decided.chosen);
  out.uint(decided.left_out);
  out.array(decided.beginnings.size());
  for (const route::Beginning& beginning : decided.beginnings) {
    out.array(2);
    out.uint(beginning.hash);
    out.uint(beginning.bytes);
  }
  out.array(decided.facts.size());
  for (const route::Facts& facts : decided.facts) {
    write(out, facts);
  }
}

Result<Decided> decode_decided(ByteView bytes) {
  TDN_TRY_VOID(codec::cbor_check(bytes));
  CborReader in(bytes);
  Fields fields(in);
  Decided decided;
  fields.expect(kDecidedFields);
  fields.read(decided.request.uid);
  fields.read(decided.attempt);
  fields.read(decided.at_us);
  fields.read(decided.names);
  fields.read(decided.model);
  fields.read(decided.tenant);
  fields.read(decided.key);
  fields.read(decided.client_country);
  if (const std::size_t numbers = in.array(); numbers == 2) {
    const std::int64_t latitude = in.integer();
    const std::int64_t longitude = in.integer();
    if (latitude < -900 || latitude > 900 || longitude < -1800 || longitude > 1800) {
      in.fail();
    }
    decided.client_at.emplace(static_cast<std::int16_t>(latitude),
                              static_cast<std::int16_t>(longitude));
  } else if (numbers != 0) {
    in.fail();
  }
  fields.read(decided.body_bytes);
  fields.read(decided.output_cap);
  fields.read(decided.streamed);
  read(in, decided.work);
  fields.read_enum(decided.reason, 9);
  fields.read(decided.refusal);
  fields.read(decided.chosen);
  fields.read(decided.left_out);
  read_list(in, Decided::kMostBeginnings, decided.beginnings, [&](route::Beginning& beginning) {
    fields.expect(2);
    fields.read(beginning.hash);
    fields.read(beginning.bytes);
  });
  read_list(in, Decided::kMostFacts, decided.facts, [&](route::Facts& facts) { read(in, facts); });
  return finish(in, std::move(decided), "a decision");
}

void encode(const Ended& ended, ByteBuffer& buffer) {
  CborWriter out(buffer);
  out.array(kEndedFields);
  out.bytes(ended.request.uid.bytes);
  out.uint(ended.at_us);
  out.uint(ended.names);
  out.uint(ended.model);
  out.uint(ended.endpoint);
  out.uint(ended.status);
  out.text(ended.code);
  out.uint(ended.attempts);
  out.boolean(ended.streamed);
  out.uint(static_cast<std::uint64_t>(ended.reason));
  out.uint(ended.input);
  out.uint(ended.cached);
  out.uint(ended.output);
  out.uint(ended.first_us);
  out.uint(ended.total_us);
}

Result<Ended> decode_ended(ByteView bytes) {
  TDN_TRY_VOID(codec::cbor_check(bytes));
  CborReader in(bytes);
  Fields fields(in);
  Ended ended;
  fields.expect(kEndedFields);
  fields.read(ended.request.uid);
  fields.read(ended.at_us);
  fields.read(ended.names);
  fields.read(ended.model);
  fields.read(ended.endpoint);
  fields.read(ended.status);
  fields.read(ended.code);
  fields.read(ended.attempts);
  fields.read(ended.streamed);
  fields.read_enum(ended.reason, 9);
  fields.read(ended.input);
  fields.read(ended.cached);
  fields.read(ended.output);
  fields.read(ended.first_us);
  fields.read(ended.total_us);
  return finish(in, std::move(ended), "an end");
}

Notable notable(const route::Decision& decision) {
  Notable kept;
  const auto count = static_cast<std::uint32_t>(decision.all.size());
  if (count <= Decided::kMostFacts) {
    for (std::uint32_t i = 0; i < count; ++i) {
      kept.push_back(i);
    }
    return kept;
  }
  const auto keep = [&kept](std::uint32_t at) {
    if (std::find(kept.begin(), kept.end(), at) == kept.end()) {
      kept.push_back(at);
    }
  };
  for (const route::Candidate& candidate : decision.candidates) {
    keep(candidate.at);
  }
  std::array<std::uint32_t, route::kExclusions> first{};
  first.fill(kNobody);
  std::uint32_t nearest = kNobody;
  const auto distance = [&](std::uint32_t at) { return std::uint64_t{decision.all[at].way_us()}; };
  for (std::uint32_t i = 0; i < count; ++i) {
    const route::Facts& facts = decision.all[i];
    std::uint32_t& of_kind = first[static_cast<std::size_t>(facts.exclusion)];
    if (of_kind == kNobody || facts.pause_ms < decision.all[of_kind].pause_ms) {
      of_kind = i;
    }
    if (facts.exclusion != route::Exclusion::kPolicy &&
        facts.exclusion != route::Exclusion::kElsewhere &&
        (nearest == kNobody || distance(i) < distance(nearest))) {
      nearest = i;
    }
  }
  for (const std::uint32_t at : first) {
    if (at != kNobody) {
      keep(at);
    }
  }
  if (nearest != kNobody) {
    keep(nearest);
  }
  std::sort(kept.begin(), kept.end());
  return kept;
}

}  // namespace tdn::requests

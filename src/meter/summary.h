// Usage records summed up by who, what and where: the table of `tdn usage`, at an edge from its
// journal and at control from the cells that it keeps. Counts what was bought, by every end; places
// are the serving ones.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/currency.h"
#include "base/money.h"
#include "base/result.h"
#include "base/uid.h"
#include "meter/annex.h"
#include "meter/usage_record.h"
#include "meter/usage_vector.h"

namespace tdn::meter {

enum class Dimension : std::uint8_t {
  kTenant,
  kProject,
  kKey,
  kModel,
  kSite,
  kEndpoint,
  kUser,  // the hash of who the application says it asks for
  kTag,   // a record with several tags counts once under each of them
};

// "tenant", …; and the kind of object that its uids name: "Tenant", …, "" for users and tags.
[[nodiscard]] std::string_view name_of(Dimension dimension);
[[nodiscard]] std::string_view kind_of(Dimension dimension);
// Users and tags stand in the tenant's annex, not in the record.
[[nodiscard]] bool is_attribution(Dimension dimension);

// "model" or "tenant,model"; each at most once.
[[nodiscard]] Result<std::vector<Dimension>> parse_dimensions(std::string_view text);

struct SummaryRow {
  std::uint64_t requests = 0;
  TokenTotals tokens{};
  Amount amount = 0;

  bool operator==(const SummaryRow&) const = default;
  SummaryRow& operator+=(const SummaryRow& other);
};

// All that usage is told apart by: records of one cell differ in nothing that a summary shows.
struct UsageCell {
  Uid tenant{}, project{}, key{}, model{}, site{}, endpoint{};  // zero where a record has none
  Currency currency{};
  Digest user{};                    // zero: none
  std::vector<std::string> tags{};  // sorted, each once

  auto operator<=>(const UsageCell&) const = default;
  [[nodiscard]] bool has_attribution() const { return user != Digest{} || !tags.empty(); }
};

// Whether the record counts as usage: what was sold is the other side of what somebody bought.
[[nodiscard]] inline bool is_usage(const UsageRecord& record) { return record.side != Side::kSold; }
// `annex` is null if the record has none, or nobody asks for users and tags.
[[nodiscard]] UsageCell cell_of(const UsageRecord& record, const TenantAnnex* annex);
[[nodiscard]] SummaryRow row_of(const UsageRecord& record);

class Summary {
 public:
  // What a record has in one dimension: the uid of an object, or a user's hash in hex or a tag,
  // empty if none.
  struct Value {
    Uid uid;
    std::string text;
    auto operator<=>(const Value&) const = default;
  };
  // Values in the order of the dimensions.
  struct Key {
    std::vector<Value> by;
    Currency currency;
    auto operator<=>(const Key&) const = default;
  };

  explicit Summary(std::vector<Dimension> by) : by_(std::move(by)) {}

  void add(const UsageRecord& record, const TenantAnnex* annex = nullptr);
  void add(const UsageCell& cell, const SummaryRow& row);

  [[nodiscard]] const std::vector<Dimension>& by() const { return by_; }
  [[nodiscard]] const std::map<Key, SummaryRow>& rows() const { return rows_; }
  // Whether it needs annexes.
  [[nodiscard]] bool wants_attribution() const;

 private:
  void add_with_tag(const UsageCell& cell, std::string_view tag, const SummaryRow& row);

  std::vector<Dimension> by_;
  std::map<Key, SummaryRow> rows_;
};

}  // namespace tdn::meter

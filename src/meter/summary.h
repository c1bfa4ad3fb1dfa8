// Usage records summed up by who, what and where: the table of `tdn usage`. Counts what was bought,
// by every end; places are the serving ones.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "base/currency.h"
#include "base/money.h"
#include "base/result.h"
#include "base/uid.h"
#include "meter/usage_record.h"
#include "meter/usage_vector.h"

namespace tdn::meter {

enum class Dimension : std::uint8_t { kTenant, kProject, kKey, kModel, kSite, kEndpoint };

// "tenant", …; and the kind of object that its uids name: "Tenant", ….
[[nodiscard]] std::string_view name_of(Dimension dimension);
[[nodiscard]] std::string_view kind_of(Dimension dimension);

// "model" or "tenant,model"; each at most once.
[[nodiscard]] Result<std::vector<Dimension>> parse_dimensions(std::string_view text);

struct SummaryRow {
  std::uint64_t requests = 0;
  TokenTotals tokens;
  Amount amount = 0;
};

class Summary {
 public:
  // The uids in the order of the dimensions, zero where a record has none.
  struct Key {
    std::vector<Uid> by;
    Currency currency;
    auto operator<=>(const Key&) const = default;
  };

  explicit Summary(std::vector<Dimension> by) : by_(std::move(by)) {}

  void add(const UsageRecord& record);

  [[nodiscard]] const std::vector<Dimension>& by() const { return by_; }
  [[nodiscard]] const std::map<Key, SummaryRow>& rows() const { return rows_; }

 private:
  std::vector<Dimension> by_;
  std::map<Key, SummaryRow> rows_;
};

}  // namespace tdn::meter

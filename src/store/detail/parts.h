// The inside of SqliteStore, and how values that are no column types are kept.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "io/disk.h"
#include "store/detail/statements.h"
#include "store/sqlite_store.h"

namespace tdn::store {

struct SqliteStore::Parts {
  std::unique_ptr<io::FileLock> lock;
  detail::Database db;
  std::optional<detail::Statements> sql;
  std::map<std::pair<Uid, std::uint32_t>, std::int64_t> numbers;  // of logs, as far as known
  int log_pages = 0;
  bool open = false;
};

namespace detail {

// A line "name version digest" for each part.
[[nodiscard]] std::string parts_to_text(const std::map<std::string, domain::Revision>& parts);
[[nodiscard]] std::map<std::string, domain::Revision> parts_of_text(std::string_view text);

// Each tag after its length and a colon, for a tag may hold anything.
[[nodiscard]] std::string tags_to_text(const std::vector<std::string>& tags);
[[nodiscard]] std::vector<std::string> tags_of_text(std::string_view text);

}  // namespace detail
}  // namespace tdn::store

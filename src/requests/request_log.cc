#include "requests/request_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "requests/file.h"

namespace tdn::requests {
namespace {

constexpr std::size_t kNameDigits = 16;

Names names_of(std::uint64_t number, const domain::Snapshot& snapshot, domain::SiteIndex here) {
  Names names;
  names.number = number;
  names.here = here.value;
  for (const domain::Site& site : snapshot.sites()) {
    names.sites.push_back(site.name);
  }
  for (const domain::Endpoint& endpoint : snapshot.endpoints()) {
    names.endpoints.push_back({endpoint.name, endpoint.site.value});
  }
  for (const domain::Model& model : snapshot.models()) {
    names.models.push_back(model.name);
  }
  return names;
}

std::string code_name(std::uint8_t code) {
  return code == 0 ? std::string() : std::string(info(static_cast<Code>(code - 1)).name);
}

template <class T>
std::vector<T> copied(std::span<const std::byte> bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  if (!values.empty()) {
    std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
  }
  return values;
}

}  // namespace

std::optional<std::uint64_t> parse_file_name(std::string_view name) {
  if (name.size() != kNameDigits + kSuffix.size() || !name.ends_with(kSuffix)) {
    return std::nullopt;
  }
  std::uint64_t number = 0;
  const char* const end = name.data() + kNameDigits;
  const auto [at, error] = std::from_chars(name.data(), end, number, 16);
  return error == std::errc{} && at == end ? std::optional(number) : std::nullopt;
}

Result<std::unique_ptr<RequestLog>> RequestLog::open(io::Disk& disk, RequestLogOptions options) {
  std::unique_ptr<RequestLog> log(new RequestLog(disk, std::move(options)));
  TDN_TRY_VOID(disk.make_dir(log->options_.folder));
  TDN_TRY(const std::vector<std::string> names, disk.list(log->options_.folder));
  for (const std::string& name : names) {
    if (const auto number = parse_file_name(name)) {
      log->next_file_ = std::max(log->next_file_, *number + 1);
    }
  }
  return log;
}

ShardLog& RequestLog::add_shard() { return *shards_.emplace_back(std::make_unique<ShardLog>()); }

void RequestLog::publish(std::uint64_t number, std::shared_ptr<const domain::Snapshot> snapshot,
                         domain::SiteIndex here) {
  const std::lock_guard lock(mutex_);
  catalogues_[number] = {std::move(snapshot), here};
  while (catalogues_.size() > kCatalogues) {
    catalogues_.erase(catalogues_.begin());
  }
}

bool RequestLog::pending() const {
  return std::any_of(shards_.begin(), shards_.end(),
                     [](const std::unique_ptr<ShardLog>& shard) { return !shard->empty(); });
}

std::uint64_t RequestLog::dropped() const {
  std::uint64_t sum = lost_.load(std::memory_order_relaxed);
  for (const std::unique_ptr<ShardLog>& shard : shards_) {
    sum += shard->dropped();
  }
  return sum;
}

std::string RequestLog::path_of(std::uint64_t number) const {
  return fmt::format("{}/{:016x}{}", options_.folder, number, kSuffix);
}

Result<void> RequestLog::remove_old_files() {
  TDN_TRY(const std::vector<std::string> names, disk_.list(options_.folder));
  std::vector<std::string> ours;
  std::copy_if(names.begin(), names.end(), std::back_inserter(ours),
               [](const std::string& name) { return parse_file_name(name).has_value(); });
  for (std::size_t i = 0; i + options_.files < ours.size(); ++i) {
    TDN_TRY_VOID(disk_.remove(options_.folder + "/" + ours[i]));
  }
  return {};
}

Result<void> RequestLog::begin_file() {
  TDN_TRY(file_, disk_.open(path_of(next_file_), io::OpenMode::kCreate));
  ++next_file_;
  TDN_TRY_VOID(file_->truncate(0));
  size_ = 0;
  TDN_TRY_VOID(file_->write(0, bytes_of(kMagic)));
  size_ = kMagic.size();
  return remove_old_files();
}

bool RequestLog::ensure_names(std::uint64_t number) {
  if (std::find(names_in_file_.begin(), names_in_file_.end(), number) != names_in_file_.end()) {
    return true;
  }
  Catalogue catalogue;
  {
    const std::lock_guard lock(mutex_);
    const auto found = catalogues_.find(number);
    if (found == catalogues_.end()) {
      lost_.fetch_add(1, std::memory_order_relaxed);
      return false;
    }
    catalogue = found->second;
  }
  append_frame(FrameType::kNames, names_of(number, *catalogue.snapshot, catalogue.here), batch_);
  names_in_file_.push_back(number);
  return true;
}

void RequestLog::add(const RawDecided& raw, std::span<const std::byte> beginnings,
                     std::span<const std::byte> facts) {
  if (!ensure_names(raw.names)) {
    return;
  }
  Decided decided;
  decided.request = raw.request;
  decided.attempt = raw.attempt;
  decided.at_us = raw.at_us;
  decided.names = raw.names;
  decided.model = raw.model;
  decided.tenant = raw.tenant;
  decided.key = raw.key;
  if (raw.client_country[0] != '\0') {
    decided.client_country.assign(raw.client_country.data(), raw.client_country.size());
  }
  if (raw.has_client_at) {
    decided.client_at = raw.client_at;
  }
  decided.body_bytes = raw.body_bytes;
  decided.output_cap = raw.output_cap;
  decided.streamed = raw.streamed;
  decided.work = raw.work;
  decided.reason = raw.reason;
  decided.refusal = code_name(raw.refusal);
  decided.chosen = raw.chosen;
  decided.left_out = raw.left_out;
  decided.beginnings = copied<route::Beginning>(beginnings);
  decided.facts = copied<route::Facts>(facts);
  append_frame(FrameType::kDecided, decided, batch_);
  ++in_batch_;
}

void RequestLog::add(const RawEnded& raw) {
  if (!ensure_names(raw.names)) {
    return;
  }
  Ended ended;
  ended.request = raw.request;
  ended.at_us = raw.at_us;
  ended.names = raw.names;
  ended.model = raw.model;
  ended.endpoint = raw.endpoint;
  ended.status = raw.status;
  ended.code = code_name(raw.code);
  ended.attempts = raw.attempts;
  ended.streamed = raw.streamed;
  ended.reason = raw.reason;
  ended.input = raw.input;
  ended.cached = raw.cached;
  ended.output = raw.output;
  ended.first_us = raw.first_us;
  ended.total_us = raw.total_us;
  append_frame(FrameType::kEnded, ended, batch_);
  ++in_batch_;
}

Result<void> RequestLog::write_batch() {
  const std::lock_guard lock(writing_);
  batch_.clear();
  in_batch_ = 0;
  if (file_ == nullptr || size_ >= options_.file_bytes) {
    names_in_file_.clear();
    file_ = nullptr;
  }
  for (const std::unique_ptr<ShardLog>& shard : shards_) {
    shard->drain([this](const RawDecided& raw, std::span<const std::byte> beginnings,
                        std::span<const std::byte> facts) { add(raw, beginnings, facts); },
                 [this](const RawEnded& raw) { add(raw); });
  }
  if (batch_.empty()) {
    return {};
  }
  Result<void> done = file_ == nullptr ? begin_file() : Result<void>{};
  if (done) {
    done = file_->write(size_, batch_.view());
  }
  if (!done) {
    lost_.fetch_add(in_batch_, std::memory_order_relaxed);
    file_ = nullptr;
    return done;
  }
  size_ += batch_.size();
  written_.fetch_add(in_batch_, std::memory_order_relaxed);
  return {};
}

}  // namespace tdn::requests

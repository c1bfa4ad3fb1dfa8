#include "gateway/catalogue.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "base/assert.h"
#include "base/log.h"
#include "codec/field_lines.h"

namespace tdn::gateway {
namespace {

constexpr std::size_t kCredentialLimit = 8 * 1024;

Result<std::string> read_secret(const domain::Endpoint& endpoint) {
  const auto bad = [](std::string what) { return fail(Code::kInvalid, std::move(what)); };
  std::string secret;
  if (!endpoint.credential_file.empty()) {
    // Neither a pipe nor a device, which may give nothing for ever, or without end.
    std::error_code unknown;
    if (!std::filesystem::is_regular_file(endpoint.credential_file, unknown)) {
      return bad(fmt::format("there is no regular file {}; create it with the key in it",
                             endpoint.credential_file));
    }
    std::ifstream file(endpoint.credential_file);
    std::array<char, kCredentialLimit + 2> line{};
    if (!file.getline(line.data(), line.size())) {
      return bad(
          fmt::format("cannot read a line of at most 8 KiB from the file {}; create it with "
                      "the key in it",
                      endpoint.credential_file));
    }
    const auto size = static_cast<std::size_t>(file.gcount());  // its line feed counted
    secret.assign(line.data(), file.eof() ? size : size - 1);
  } else {
    const char* const value =
        std::getenv(endpoint.credential_variable.c_str());  // NOLINT: nobody sets any
    if (value == nullptr) {
      return bad(fmt::format("the environment variable {} is not set; set it and start anew",
                             endpoint.credential_variable));
    }
    secret = value;
  }
  while (!secret.empty() && (secret.back() == '\r' || secret.back() == ' ')) {
    secret.pop_back();
  }
  const auto is_control = [](unsigned char byte) { return byte < 0x20 || byte == 0x7f; };
  if (secret.empty() || secret.size() > kCredentialLimit ||
      std::ranges::any_of(secret, is_control)) {
    return bad("it is empty, larger than 8 KiB, or holds a control character");
  }
  return secret;
}

quota::Limits to_limits(const domain::Limits& limits) {
  return {limits.requests_per_minute, limits.tokens_per_minute, limits.concurrency};
}

}  // namespace

Result<std::shared_ptr<const Catalogue>> Catalogue::create(
    std::shared_ptr<const domain::Snapshot> snapshot, domain::SiteIndex here,
    const Catalogue* previous, route::Reach reach, const std::string& upstream_ca) {
  const std::shared_ptr<Catalogue> made(new Catalogue());
  made->number_ = previous == nullptr ? 1 : previous->number_ + 1;
  made->table_ = route::Table::create(
      std::move(snapshot), here, previous == nullptr ? nullptr : previous->table_.get(), reach);
  made->through_peers_ = reach == route::Reach::kPeers;
  made->make_limiters(previous);
  TDN_TRY_VOID(made->load_trust(previous, upstream_ca));
  made->read_credentials();
  made->make_texts();
  made->mark_unusable(previous);
  for (const domain::Endpoint& endpoint : made->snapshot().endpoints()) {
    std::shared_ptr<std::atomic<bool>> flag;
    if (previous != nullptr) {
      const std::vector<domain::Endpoint>& before = previous->snapshot().endpoints();
      for (std::size_t i = 0; i < before.size(); ++i) {
        if (before[i].uid == endpoint.uid) {
          flag = previous->simulated_[i];
        }
      }
    }
    made->simulated_.push_back(flag ? flag : std::make_shared<std::atomic<bool>>(false));
  }
  return std::shared_ptr<const Catalogue>(made);
}

void Catalogue::make_limiters(const Catalogue* previous) {
  const auto limiter = [&](const Uid& uid, const domain::Limits& limits) -> const quota::Limiter* {
    std::unique_ptr<quota::Limiter>& slot = limiters_[uid];
    if (!slot) {
      std::shared_ptr<quota::Spent> spent;
      if (previous != nullptr) {
        const auto before = previous->limiters_.find(uid);
        if (before != previous->limiters_.end()) {
          spent = before->second->spent();
        }
      }
      slot = std::make_unique<quota::Limiter>(to_limits(limits),
                                              spent ? spent : std::make_shared<quota::Spent>());
    }
    return slot.get();
  };
  for (const domain::Key& key : snapshot().keys()) {
    const domain::Project& project = snapshot()[key.project];
    const domain::Tenant& tenant = snapshot()[key.tenant];
    Chain chain;
    // All of them, unlimited ones too: a limit that a reload brings must find what is running.
    chain.levels = {limiter(key.uid, key.limits), limiter(project.uid, project.limits),
                    limiter(tenant.uid, tenant.limits)};
    chain.count = chain.levels.size();
    chains_.push_back(chain);
  }
}

void Catalogue::make_texts() {
  for (std::size_t i = 0; i < snapshot().endpoints().size(); ++i) {
    const domain::Endpoint& endpoint = snapshot().endpoints()[i];
    codec::FieldLines lines;
    lines.add("host", endpoint.authority);
    if (!credentials_[i].empty()) {
      lines.add("authorization", credentials_[i]);
    }
    lines.add("content-type", "application/json");
    TDN_ASSERT(!lines.broken() && !codec::breaks_line(endpoint.path));  // checked before
    engine_heads_.push_back({"POST " + endpoint.path, " HTTP/1.1\r\n" + std::string(lines.text())});
    route_texts_.push_back(
        fmt::format("{}/{}; reason=", snapshot()[endpoint.site].name, endpoint.name));
  }
}

bool Catalogue::called_from_here(const domain::Endpoint& endpoint) const {
  return !through_peers_ || endpoint.site == here();
}

Result<void> Catalogue::load_trust(const Catalogue* previous, const std::string& upstream_ca) {
  const std::vector<domain::Endpoint>& endpoints = snapshot().endpoints();
  if (upstream_ca.empty() &&
      std::none_of(endpoints.begin(), endpoints.end(),
                   [&](const auto& each) { return each.tls && called_from_here(each); })) {
    return {};
  }
  TDN_TRY(trust_,
          io::TlsTrust::load(upstream_ca, previous == nullptr ? nullptr : previous->trust_));
  return {};
}

void Catalogue::read_credentials() {
  for (const domain::Endpoint& endpoint : snapshot().endpoints()) {
    std::string& credential = credentials_.emplace_back();
    std::string& unusable = unusable_.emplace_back();
    const bool refers = !endpoint.credential_file.empty() || !endpoint.credential_variable.empty();
    if (!refers || !called_from_here(endpoint)) {
      continue;
    }
    if (Result<std::string> secret = read_secret(endpoint)) {
      credential = "Bearer " + *secret;
    } else {
      unusable = "its credential: " + secret.error().detail();
    }
  }
}

// Told once for each reason.
void Catalogue::mark_unusable(const Catalogue* previous) const {
  for (std::uint32_t i = 0; i < unusable_.size(); ++i) {
    const domain::Endpoint& endpoint = snapshot().endpoints()[i];
    route::EndpointState& state = table_->state({i});
    if (unusable_[i].empty()) {
      if (state.trouble() == route::Trouble::kCredential) {
        state.set_trouble(route::Trouble::kNone);
      }
      continue;
    }
    state.set_trouble(route::Trouble::kCredential);
    bool told = false;
    if (previous != nullptr) {
      const std::optional<domain::EndpointIndex> before =
          previous->snapshot().find_endpoint(endpoint.uid);
      told = before && previous->unusable(*before) == unusable_[i];
    }
    if (!told) {
      log_error("gateway", "endpoint cannot be used",
                {{"endpoint", endpoint.name}, {"reason", unusable_[i]}});
    }
  }
}

std::span<const quota::Limiter* const> Catalogue::limiters(const domain::Key& key) const {
  const auto index = static_cast<std::size_t>(&key - snapshot().keys().data());
  const Chain& chain = chains_[index];
  return {chain.levels.data(), chain.count};
}

}  // namespace tdn::gateway

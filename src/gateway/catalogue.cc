#include "gateway/catalogue.h"

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <utility>

#include "codec/field_lines.h"

namespace tdn::gateway {
namespace {

constexpr std::size_t kCredentialLimit = 8 * 1024;

Result<std::string> read_credential(const domain::Endpoint& endpoint) {
  const auto bad = [&](std::string_view what) {
    return fail(Code::kInvalid, fmt::format("endpoint {}: credential: {}", endpoint.name, what));
  };
  std::string secret;
  if (!endpoint.credential_file.empty()) {
    std::ifstream file(endpoint.credential_file);
    if (!std::getline(file, secret)) {
      return bad(fmt::format("cannot read a line from the file {}; create it with the key in it",
                             endpoint.credential_file));
    }
  } else if (!endpoint.credential_variable.empty()) {
    const char* const value =
        std::getenv(endpoint.credential_variable.c_str());  // NOLINT: at start
    if (value == nullptr) {
      return bad(
          fmt::format("the environment variable {} is not set", endpoint.credential_variable));
    }
    secret = value;
  } else {
    return secret;
  }
  while (!secret.empty() && (secret.back() == '\r' || secret.back() == ' ')) {
    secret.pop_back();
  }
  if (secret.empty() || secret.size() > kCredentialLimit) {
    return bad("is empty or larger than 8 KiB");
  }
  return "Bearer " + secret;
}

quota::Limits to_limits(const domain::Limits& limits) {
  return {limits.requests_per_minute, limits.tokens_per_minute, limits.concurrency};
}

}  // namespace

Result<std::shared_ptr<const Catalogue>> Catalogue::create(
    std::shared_ptr<const domain::Snapshot> snapshot, domain::SiteIndex here,
    const Catalogue* previous, route::Reach reach) {
  const std::shared_ptr<Catalogue> made(new Catalogue());
  made->number_ = previous == nullptr ? 1 : previous->number_ + 1;
  made->table_ = route::Table::create(
      std::move(snapshot), here, previous == nullptr ? nullptr : previous->table_.get(), reach);
  made->make_limiters(previous);
  TDN_TRY_VOID(made->read_credentials());
  TDN_TRY_VOID(made->make_texts());
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

Result<void> Catalogue::make_texts() {
  for (std::size_t i = 0; i < snapshot().endpoints().size(); ++i) {
    const domain::Endpoint& endpoint = snapshot().endpoints()[i];
    codec::FieldLines lines;
    lines.add("host", endpoint.authority);
    if (!credentials_[i].empty()) {
      lines.add("authorization", credentials_[i]);
    }
    lines.add("content-type", "application/json");
    if (lines.broken() || codec::breaks_line(endpoint.path)) {
      return fail(
          Code::kInvalid,
          fmt::format("endpoint {}: its url or credential holds a line break or a zero byte",
                      endpoint.name));
    }
    engine_heads_.push_back({"POST " + endpoint.path, " HTTP/1.1\r\n" + std::string(lines.text())});
    route_texts_.push_back(
        fmt::format("{}/{}; reason=", snapshot()[endpoint.site].name, endpoint.name));
  }
  return {};
}

Result<void> Catalogue::read_credentials() {
  for (const domain::Endpoint& endpoint : snapshot().endpoints()) {
    TDN_TRY(std::string credential, read_credential(endpoint));
    credentials_.push_back(std::move(credential));
  }
  return {};
}

std::span<const quota::Limiter* const> Catalogue::limiters(const domain::Key& key) const {
  const auto index = static_cast<std::size_t>(&key - snapshot().keys().data());
  const Chain& chain = chains_[index];
  return {chain.levels.data(), chain.count};
}

}  // namespace tdn::gateway

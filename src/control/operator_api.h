// /api/v1: the operator's half of control's API.
#pragma once

#include "control/shared.h"

namespace tdn::control {

class OperatorApi {
 public:
  // How long a change waits for edges to say that they have it.
  static constexpr Duration kPatience = std::chrono::seconds(5);

  explicit OperatorApi(Shared& shared) : shared_(shared) {}
  // `target` is of /api/v1, and the caller has shown the operator's token.
  [[nodiscard]] io::Task<> handle(http::ServerConnection& client, Target target);

 private:
  [[nodiscard]] io::Task<Result<std::string>> respond(http::ServerConnection& client,
                                                      const Target& target);
  [[nodiscard]] io::Task<Result<std::string>> apply(std::string body);
  [[nodiscard]] io::Task<Result<std::string>> change(
      std::function<Result<Changed>(store::Transaction&)> operation);
  [[nodiscard]] io::Task<Result<std::string>> remove(std::vector<ObjectName> objects);
  [[nodiscard]] io::Task<Result<std::string>> issue(std::string key);
  [[nodiscard]] io::Task<Result<std::string>> usage(std::string query);
  [[nodiscard]] io::Task<Result<std::string>> list(domain::Kind kind);
  [[nodiscard]] io::Task<Result<std::string>> get(ObjectName object);
  [[nodiscard]] io::Task<Result<std::string>> network();
  [[nodiscard]] io::Task<Result<std::string>> rotate();
  [[nodiscard]] io::Task<Acknowledgement> known(const Changed& changed);
  [[nodiscard]] io::Task<Result<std::vector<std::string>>> wait_for_uploads(
      const UsageQuery& query);
  [[nodiscard]] io::Task<Result<std::vector<SiteBooks>>> sites();

  Shared& shared_;
};

}  // namespace tdn::control

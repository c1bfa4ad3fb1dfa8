// What a request's `provider` object wants of the endpoint, with names resolved. A provider is
// named by its site, `frankfurt`, or by site and endpoint, `frankfurt/frankfurt-1`. Preferences
// only take away from what policy permits, or say who goes first.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "codec/openai_provider.h"
#include "domain/snapshot.h"
#include "route/weigh.h"

namespace tdn::route {

class Preferences {
 public:
  // kInvalidRequest naming a provider that does not exist.
  [[nodiscard]] static Result<Preferences> create(const domain::Snapshot& snapshot,
                                                  const codec::ProviderWishes& wishes);

  [[nodiscard]] std::optional<Objective> objective() const { return objective_; }
  // Whether another endpoint may be tried after the first: without fallbacks only one that the
  // request lists.
  [[nodiscard]] bool may_retry() const { return fallbacks_ || !order_.empty(); }

  // Marks the facts: exclusion, if they have none yet, and rank.
  void apply(const domain::Model& model, Facts& facts) const;

 private:
  struct Named {
    domain::SiteIndex site;
    std::optional<domain::EndpointIndex> endpoint;  // none: any of the site
    [[nodiscard]] bool is(const Facts& facts) const {
      return facts.site == site && (!endpoint || *endpoint == facts.endpoint);
    }
  };
  [[nodiscard]] static Result<std::vector<Named>> resolve(const domain::Snapshot& snapshot,
                                                          const std::vector<std::string>& names,
                                                          std::string_view member);
  [[nodiscard]] bool too_dear(const domain::Model& model, const Facts& facts) const;

  std::vector<Named> order_;
  std::vector<Named> only_;
  std::vector<Named> ignore_;
  bool has_only_ = false;
  std::optional<Objective> objective_;
  std::optional<Price> most_input_;
  std::optional<Price> most_output_;
  bool fallbacks_ = true;
  bool no_data_ = false;
};

}  // namespace tdn::route

#include "route/preferences.h"

#include <fmt/format.h>

#include <algorithm>

namespace tdn::route {
namespace {

constexpr std::uint8_t kUnlisted = UINT8_MAX;

bool dearer(const std::optional<Price>& most, std::uint64_t pico) {
  return most && pico > static_cast<std::uint64_t>(most->pico);
}

std::optional<Objective> objective_of(codec::ProviderWishes::Sort sort) {
  using Sort = codec::ProviderWishes::Sort;
  switch (sort) {
    case Sort::kPrice:
      return Objective::kCost;
    case Sort::kThroughput:
      return Objective::kThroughput;
    case Sort::kLatency:
      return Objective::kLatency;
    case Sort::kNone:
      break;
  }
  return std::nullopt;
}

}  // namespace

Result<std::vector<Preferences::Named>> Preferences::resolve(const domain::Snapshot& snapshot,
                                                             const std::vector<std::string>& names,
                                                             std::string_view member) {
  std::vector<Named> resolved;
  for (const std::string& name : names) {
    const auto unknown = [&] {
      return fail(Error(Code::kInvalidRequest,
                        fmt::format("`{}` names '{}', which is no site and no site/endpoint here; "
                                    "ask the operator which there are, or leave it out",
                                    member, name))
                      .about(member));
    };
    const std::size_t slash = name.find('/');
    const std::optional<domain::SiteIndex> site =
        snapshot.find_site(std::string_view(name).substr(0, slash));
    if (!site) {
      return unknown();
    }
    Named found{*site, std::nullopt};
    if (slash != std::string::npos) {
      const std::vector<domain::Endpoint>& all = snapshot.endpoints();
      for (std::uint32_t i = 0; i < all.size(); ++i) {
        if (all[i].site == *site && all[i].name == name.substr(slash + 1)) {
          found.endpoint = domain::EndpointIndex{i};
        }
      }
      if (!found.endpoint) {
        return unknown();
      }
    }
    resolved.push_back(found);
  }
  return resolved;
}

Result<Preferences> Preferences::create(const domain::Snapshot& snapshot,
                                        const codec::ProviderWishes& wishes) {
  Preferences made;
  TDN_TRY(made.order_, resolve(snapshot, wishes.order, "provider.order"));
  TDN_TRY(made.only_, resolve(snapshot, wishes.only, "provider.only"));
  TDN_TRY(made.ignore_, resolve(snapshot, wishes.ignore, "provider.ignore"));
  made.has_only_ = !made.only_.empty();
  made.objective_ = objective_of(wishes.sort);
  made.most_input_ = wishes.most_input;
  made.most_output_ = wishes.most_output;
  made.fallbacks_ = wishes.allow_fallbacks;
  made.no_data_ = wishes.deny_data_collection;
  return made;
}

// The client pays the model's price, wherever it is served; an endpoint's cost is compared too, for
// operators that pass it on. What cannot be compared is too dear.
bool Preferences::too_dear(const domain::Model& model, const Facts& facts) const {
  if (!most_input_ && !most_output_) {
    return false;
  }
  return !facts.comparable || dearer(most_input_, facts.input_pico) ||
         dearer(most_output_, facts.output_pico) ||
         dearer(most_input_, static_cast<std::uint64_t>(model.prices.input.pico)) ||
         dearer(most_output_, static_cast<std::uint64_t>(model.prices.output.pico));
}

void Preferences::apply(const domain::Model& model, Facts& facts) const {
  const auto named_in = [&facts](const std::vector<Named>& names) {
    return std::any_of(names.begin(), names.end(),
                       [&facts](const Named& named) { return named.is(facts); });
  };
  if (!order_.empty()) {
    const auto at = std::find_if(order_.begin(), order_.end(),
                                 [&facts](const Named& named) { return named.is(facts); });
    facts.rank = at == order_.end() ? kUnlisted : static_cast<std::uint8_t>(at - order_.begin());
  }
  if (facts.exclusion != Exclusion::kNone) {
    return;
  }
  const bool unlisted = !fallbacks_ && facts.rank == kUnlisted;
  if (unlisted || named_in(ignore_) || (has_only_ && !named_in(only_))) {
    facts.exclusion = Exclusion::kProvider;
  } else if (no_data_ && facts.keeps_data) {
    facts.exclusion = Exclusion::kDataCollection;
  } else if (too_dear(model, facts)) {
    facts.exclusion = Exclusion::kPrice;
  }
}

}  // namespace tdn::route

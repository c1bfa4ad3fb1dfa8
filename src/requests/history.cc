#include "requests/history.h"

#include <algorithm>

#include "requests/request_log.h"

namespace tdn::requests {

Result<History> History::read(io::Disk& disk, const std::string& folder) {
  TDN_TRY(const std::vector<std::string> names, disk.list(folder));
  History history;
  for (const std::string& name : names) {  // sorted, so in the order of writing
    if (!parse_file_name(name)) {
      continue;
    }
    const Result<std::vector<std::uint8_t>> bytes = io::read_file(disk, folder + "/" + name);
    if (!bytes) {
      if (bytes.error().code() == Code::kMissing) {
        continue;  // rotated away meanwhile
      }
      return fail(bytes.error());
    }
    history.numbers_.clear();
    static_cast<void>(scan_file(*bytes, history));
  }
  return history;
}

void History::on(Names names) {
  numbers_[names.number] = names_.size();
  names_.push_back(std::move(names));
}

void History::on(Decided decided) {
  const auto known = numbers_.find(decided.names);
  if (known == numbers_.end()) {
    return;
  }
  decided.names = known->second;
  std::vector<Decided>& attempts = requests_[decided.request].attempts;
  attempts.push_back(std::move(decided));
  std::ranges::sort(attempts, {}, &Decided::attempt);
}

void History::on(Ended ended) {
  const auto known = numbers_.find(ended.names);
  if (known == numbers_.end()) {
    return;
  }
  ended.names = known->second;
  requests_[ended.request].ended = std::move(ended);
}

std::vector<const Ended*> History::last(std::size_t count) const {
  std::vector<const Ended*> all;
  for (const auto& [id, told] : requests_) {
    if (told.ended) {
      all.push_back(&*told.ended);
    }
  }
  std::ranges::sort(all, {},
                    [](const Ended* ended) { return std::pair(ended->at_us, ended->request); });
  all.erase(all.begin(), all.end() - static_cast<std::ptrdiff_t>(std::min(count, all.size())));
  return all;
}

const Told* History::find(const RequestId& request) const {
  const auto found = requests_.find(request);
  return found == requests_.end() ? nullptr : &found->second;
}

const Names* History::names(std::uint64_t number) const {
  return number < names_.size() ? &names_[number] : nullptr;
}

route::Place History::place_of(std::uint64_t number, std::uint32_t endpoint) const {
  const Names* const all = names(number);
  if (all == nullptr || endpoint >= all->endpoints.size()) {
    return {"?", "?"};
  }
  const Names::Endpoint& found = all->endpoints[endpoint];
  return {all->sites[found.site], found.name};
}

std::string History::model_of(const Ended& ended) const {
  const Names* const all = names(ended.names);
  return all != nullptr && ended.model < all->models.size() ? all->models[ended.model] : "";
}

std::string History::model_of(const Decided& decided) const {
  const Names* const all = names(decided.names);
  return all != nullptr && decided.model < all->models.size() ? all->models[decided.model] : "?";
}

std::string History::endpoint_of(const Ended& ended) const {
  return ended.endpoint == kNobody ? "" : place_of(ended.names, ended.endpoint).name();
}

std::string History::endpoint_of(const Decided& decided, std::uint32_t endpoint) const {
  return endpoint == kNobody ? "" : place_of(decided.names, endpoint).name();
}

std::string History::here_of(const Decided& decided) const { return here_of(decided.names); }

std::string History::here_of(const Ended& ended) const { return here_of(ended.names); }

std::string History::here_of(std::uint64_t number) const {
  const Names* const all = names(number);
  return all != nullptr && all->here < all->sites.size() ? all->sites[all->here] : "?";
}

std::vector<route::Place> History::places_of(const Decided& decided) const {
  std::vector<route::Place> places;
  for (const route::Facts& facts : decided.facts) {
    places.push_back(place_of(decided.names, facts.endpoint.value));
  }
  return places;
}

Rerun run_again(const Decided& decided) {
  Rerun rerun;
  rerun.decision = route::decide(decided.work, decided.facts);
  const route::Decision& again = rerun.decision;
  rerun.same = again.reason == decided.reason &&
               (again.refused() ? decided.refusal == info(again.refusal).name
                                : again.candidates.front().endpoint.value == decided.chosen);
  return rerun;
}

}  // namespace tdn::requests

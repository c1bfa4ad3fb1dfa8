// Asks the edge of every other site how its endpoints are (peer_state.h): every second while the
// way there or one of them is not up, or requests of ours are there, else every five; after silence
// at once again. Two silences in a row, of a second each, are certain: requests that wait there are
// moved (forward.cc). So silence is found out within 3.5 s, also in the middle of a request. What
// it hears becomes the state of those endpoints as this edge sees them; hearing nothing means that
// none of them can be reached. One per process; engines of other sites are never asked directly.
//
// Edges that start together do not call each other down for having been quicker: in the first three
// seconds a site where something is not up is asked ten times a second, and one that was never
// heard stays unknown.
//
// Belongs to its loop's thread.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/random.h"
#include "gateway/catalogue.h"
#include "gateway/peers.h"
#include "io/task_group.h"

namespace tdn::gateway {

class PeerProber {
 public:
  // All borrowed; the membership's link is this loop's.
  PeerProber(io::Loop& loop, const Membership& membership, Random& random);

  void publish(std::shared_ptr<const Catalogue> catalogue);
  void publish(std::shared_ptr<const protocol::RouteKeys> keys) { peers_.publish(std::move(keys)); }
  void start();
  // Ends all probes; before destruction.
  [[nodiscard]] io::Task<> stop();
  // Simulated crash: drops every probe where it stands, after Loop::forget_ready.
  void destroy_all() { group_.destroy_all(); }

 private:
  struct Watched {
    Instant last{};  // asked
    bool asked = false;
    bool silent = false;  // the last time
    bool busy = false;
    bool heard = false;  // ever
  };
  io::Task<> run();
  [[nodiscard]] bool is_due(const Catalogue& catalogue, domain::SiteIndex site,
                            const Watched& watched) const;
  io::Task<> probe(std::shared_ptr<const Catalogue> catalogue, domain::SiteIndex site);
  [[nodiscard]] io::Task<Result<std::string>> ask(const std::string& site);
  [[nodiscard]] Result<std::string> write_request(const std::string& site);
  void note(const Catalogue& catalogue, domain::SiteIndex site, const Result<std::string>& said);

  io::Loop& loop_;
  Random& random_;
  const http::ClientLimits limits_;
  Peers peers_;
  io::TaskGroup group_;
  std::shared_ptr<const Catalogue> catalogue_;
  std::map<Uid, Watched> watched_;  // by site
  Instant met_{};                   // by then those that started with this one have
};

}  // namespace tdn::gateway

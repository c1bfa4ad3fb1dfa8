// Asks every endpoint now and then whether it is well, and whether it is a simulated one: the only
// way back for an endpoint that is down (route/health.h). One prober per process; what it learns is
// shared.
//
// Every second an endpoint that is not up, every five one that is; one probe at a time per
// endpoint. Where to ask depends on the engine's kind (engine_kind.h). Those that tell their
// metrics are asked each second while they are up how busy and how quick they are
// (engine_report.h), for routing; one that does not tell is no worse for it.
//
// Belongs to its loop's thread.
#pragma once

#include <map>
#include <memory>

#include "gateway/catalogue.h"
#include "gateway/engine_report.h"
#include "gateway/upstreams.h"
#include "io/task_group.h"

namespace tdn::gateway {

class Prober {
 public:
  // Borrowed. `own_only`: not the endpoints of other sites, for which their edges speak
  // (peer_prober.h).
  Prober(io::Loop& loop, io::Network& network, bool own_only = false);

  void publish(std::shared_ptr<const Catalogue> catalogue);
  void start();
  // Ends all probes; before destruction.
  [[nodiscard]] io::Task<> stop();
  // Simulated crash: drops every probe where it stands, after Loop::forget_ready.
  void destroy_all() { group_.destroy_all(); }

 private:
  struct Watched {
    Instant next{};
    Instant next_report{};
    bool busy = false;
    EngineCounters counters;
  };
  io::Task<> run();
  void look_after(const std::shared_ptr<const Catalogue>& catalogue,
                  domain::EndpointIndex endpoint);
  io::Task<> ask_report(std::shared_ptr<const Catalogue> catalogue, domain::EndpointIndex endpoint);
  io::Task<> probe(std::shared_ptr<const Catalogue> catalogue, domain::EndpointIndex endpoint);
  // Status and the beginning of the body.
  [[nodiscard]] io::Task<Result<int>> get(const Catalogue& catalogue,
                                          domain::EndpointIndex endpoint, std::string_view path,
                                          std::string* body);

  io::Loop& loop_;
  const bool own_only_;
  const http::ClientLimits limits_;
  Upstreams upstreams_;
  io::TaskGroup group_;
  std::shared_ptr<const Catalogue> catalogue_;
  std::map<Uid, Watched> watched_;
};

}  // namespace tdn::gateway

// `tdn up`: a whole network on one machine: control, and sites of an edge and an engine each.
//
//   1. the state folder is opened and locked; fixed ports are tried, so that one in use is told
//      before anything starts; secrets of edges are made and told to control
//   2. control and the engines start; they tell their addresses and the model
//   3. the manifests go through control's API (catalogue.h); `tdn wan` starts if the sites are
//   apart
//      (distance.h), then the edges, which reach each other and control through it
//   4. once every part answers: ready file, announcement
//   5. what dies is started again, on the port it had, and the ready file is written anew
//   6. whoever asks at its door (breaker.h) has it broken and healed
//   7. stop: first the edges, whose open streams get five seconds and whose last records reach
//      control, then control, links and engines, all within ten
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "client/control.h"
#include "io/epoll.h"
#include "io/network.h"
#include "local/breaker.h"
#include "local/free_ports.h"
#include "local/parts.h"
#include "local/probe.h"

namespace tdn::local {

class LocalNetwork final : private SupervisorEvents {
 public:
  static constexpr Duration kTimeToStop = std::chrono::milliseconds(9500);

  // Where lines for the terminal go.
  using Say = std::function<void(std::string_view text)>;

  // All but `options` borrowed. The loop's thread must be the main one (child.h).
  LocalNetwork(io::Loop& loop, io::EpollPoller& poller, io::Network& network,
               const StateFolder& state, Random& random, UpOptions options, Say say);

  // Until `stop`, or until a part fails before it was ever ready: then the error says why. In
  // either case everything is stopped when this returns.
  [[nodiscard]] io::Task<Result<void>> run();

  // In order, within ten seconds. Called again: at once.
  void stop();

 private:
  struct Site {
    SitePlan plan;
    std::optional<EngineReport> engine;  // while it is ready
    std::optional<EdgeReport> edge;
  };

  void on_ready(const ChildSpec& child, int pid, const std::string& text) override;
  void on_ended(const ChildSpec& child, Exit exit, const std::string& last_words,
                Duration delay) override;
  void on_held(const ChildSpec& child) override;
  void on_failed(const ChildSpec& child, const Error& error) override;
  [[nodiscard]] Result<void> take_report(const ChildSpec& child, int pid, const std::string& text);
  void forget_report(const ChildSpec& child);

  [[nodiscard]] io::Task<Result<void>> serve();
  [[nodiscard]] io::Task<Result<void>> stay();
  [[nodiscard]] std::vector<std::string> site_names() const;
  [[nodiscard]] Result<void> choose_ports();
  [[nodiscard]] Result<void> require_ports();
  [[nodiscard]] Result<void> take_ports(const PortPlan& last);
  [[nodiscard]] bool engines_ready() const;
  [[nodiscard]] bool all_ready() const;
  [[nodiscard]] Result<client::Control> control() const;
  [[nodiscard]] NetworkDescription description() const;
  // Until it is in control, however often that goes away meanwhile. False: to stop.
  [[nodiscard]] io::Task<Result<bool>> put_manifests();
  // `tdn wan`, if the sites are apart, until it is ready. False: to stop.
  [[nodiscard]] io::Task<Result<bool>> start_links();
  [[nodiscard]] Result<void> write_links();
  // Waits until `done`; false if the network is to stop before.
  [[nodiscard]] io::Task<Result<bool>> until(std::function<bool()> done);
  [[nodiscard]] std::vector<Question> questions() const;
  [[nodiscard]] io::Task<Result<bool>> until_all_answer();
  [[nodiscard]] Result<NetworkReport> report() const;
  [[nodiscard]] Result<void> publish();

  io::Loop& loop_;
  io::Network& network_;
  const StateFolder& state_;
  Random& random_;
  UpOptions options_;
  Say say_;
  Supervisor supervisor_;
  Breaker breaker_;
  FreePorts free_ports_;

  Secret key_;
  Parts parts_;
  std::vector<Site> sites_;
  std::optional<ControlReport> control_;
  std::optional<wan::WanReport> wan_;  // while it runs
  bool serving_ = false;               // was announced
  bool published_ = false;             // the ready file says how things are
  bool stopping_ = false;
  Instant stop_began_{};
  std::optional<Error> failure_;
  io::Event changed_;
};

}  // namespace tdn::local

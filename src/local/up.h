// `tdn up`: a whole network on one machine. Here: one edge at the site Frankfurt, and two engines
// as endpoints of the sites Frankfurt and Paris.
//
//   1. the state folder is opened and locked; fixed ports are tried, so that one in use is told
//      before anything starts
//   2. the engines start; they tell their addresses and their model
//   3. the manifests are written and the edge starts
//   4. once every part answers: ready file, announcement
//   5. what dies is started again, on the port it had, and the ready file is written anew
//   6. stop: first the edge, whose open streams get five seconds, then the engines, all within ten
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/random.h"
#include "io/epoll.h"
#include "io/network.h"
#include "local/ports.h"
#include "local/reports.h"
#include "local/state_folder.h"
#include "local/supervisor.h"

namespace tdn::local {

struct UpOptions {
  std::string program;        // what is executed for each part: tdn itself
  std::string shown_program;  // how a person calls it
  std::string model_file;     // empty: simulated engines
  std::string timing_file;    // of simulated engines; may be empty
  int shards = 1;             // of the edge
  PortChoice ports;
  std::string ready_file;  // may be empty
  bool colours = false;
};

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
  void on_ready(const ChildSpec& child, int pid, const std::string& text) override;
  void on_ended(const ChildSpec& child, Exit exit, const std::string& last_words,
                Duration delay) override;
  void on_failed(const ChildSpec& child, const Error& error) override;

  [[nodiscard]] io::Task<Result<void>> serve();
  [[nodiscard]] io::Task<Result<void>> stay();
  [[nodiscard]] Result<void> choose_ports();
  [[nodiscard]] bool is_free(std::uint16_t port) const;
  [[nodiscard]] Result<void> require_free(std::uint16_t port, std::string_view purpose) const;
  void start_engine(std::string_view site, std::uint16_t port);
  [[nodiscard]] std::vector<std::string> engine_words(std::string_view site,
                                                      std::uint16_t port) const;
  [[nodiscard]] std::vector<std::string> edge_words() const;
  [[nodiscard]] ChildSpec spec_of(std::string name, std::string_view file,
                                  std::vector<std::string> words, int stage) const;
  [[nodiscard]] Result<void> keep_ports();
  [[nodiscard]] Result<void> put_manifests() const;
  // Waits until `done`; false if the network is to stop before.
  [[nodiscard]] io::Task<Result<bool>> until(std::function<bool()> done);
  [[nodiscard]] io::Task<Result<bool>> until_all_answer();
  [[nodiscard]] NetworkReport report() const;
  [[nodiscard]] Result<void> publish() const;

  io::Loop& loop_;
  io::Network& network_;
  const StateFolder& state_;
  Random& random_;
  UpOptions options_;
  Say say_;
  Supervisor supervisor_;

  Secret key_;
  PortPlan ports_;
  std::optional<EngineReport> frankfurt_;  // while it is ready
  std::optional<EngineReport> paris_;
  std::optional<EdgeReport> edge_;
  bool serving_ = false;    // was announced
  bool published_ = false;  // the ready file says how things are
  bool stopping_ = false;
  Instant stop_began_{};
  std::optional<Error> failure_;
  io::Event changed_;
};

}  // namespace tdn::local

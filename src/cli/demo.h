// `tdn demo`: prompts from several cities for a while, each to the gateway that its city is steered
// to; a progress line meanwhile, and in the end what came of it.
#pragma once

#include <string>
#include <vector>

#include "base/secret.h"
#include "cli/demo_report.h"
#include "cli/screen.h"
#include "client/control.h"
#include "io/event.h"
#include "io/task_group.h"

namespace tdn::cli {

struct DemoOptions {
  int seconds = 60;
  int clients = 2;    // of each city; each asks one request after the other
  std::string model;  // empty: the first that the key may use and that is served now
  std::string state;  // of the network: its demo-key, its cities
  bool json = false;
  bool live = false;  // standard error is a terminal: the progress line is drawn over
};

class Demo {
 public:
  // All borrowed. Control is asked only where the state folder does not hold the cities.
  Demo(io::Loop& loop, io::Network& network, client::ControlClient& control, Secret key,
       DemoOptions options, Screen screen);

  // The exit status: 1 if the network was not there, or a request failed. Ended early by `stop`:
  // what is open is let go, and the report is of what there was.
  [[nodiscard]] io::Task<int> run();
  void stop();

 private:
  [[nodiscard]] io::Task<Result<void>> prepare();
  [[nodiscard]] io::Task<Result<std::string>> first_model();
  // Whether a request for it would find an endpoint now.
  [[nodiscard]] io::Task<bool> is_served(std::string gateway, std::string model);
  [[nodiscard]] io::Task<> load();
  io::Task<> be_client(std::size_t city, std::uint64_t number);
  io::Task<> tell_progress();
  void draw_progress(bool last);

  io::Loop& loop_;
  io::Network& network_;
  client::ControlClient& control_;
  const Secret key_;
  DemoOptions options_;
  Screen screen_;
  std::vector<DemoCity> cities_;
  DemoReport report_;
  Instant begin_{};
  Instant end_{};
  io::Event stop_;
  io::TaskGroup clients_;
};

}  // namespace tdn::cli

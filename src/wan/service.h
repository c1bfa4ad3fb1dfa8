// `tdn wan`: all links of a network, and the door through which faults are set.
//
//   GET /v1/links     every link: where it listens, how it is, what it carried
//   PUT /v1/faults    the whole set of faults (faults.h); answers as GET
//
// Belongs to its loop's thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "wan/door.h"
#include "wan/link.h"
#include "wan/report.h"

namespace tdn::wan {

class Service final : private DoorHost {
 public:
  // All borrowed but the values.
  Service(io::Loop& loop, io::Network& network, Random& random, Config config, Secret token);
  // Stopped.
  ~Service();

  // Listens everywhere, or says where it cannot; then it serves.
  [[nodiscard]] Result<void> start();
  [[nodiscard]] io::Task<> stop();

  // Once started.
  [[nodiscard]] WanReport report(int pid) const;
  // kInvalid, and nothing changes, if a target names nothing.
  [[nodiscard]] Result<void> set_faults(const std::vector<Fault>& faults);
  [[nodiscard]] const std::vector<std::unique_ptr<Link>>& links() const { return links_; }

 private:
  io::Task<Result<std::string>> answer(DoorRequest request) override;
  [[nodiscard]] std::string links_json() const;

  io::Loop& loop_;
  io::Network& network_;
  Random& random_;
  Config config_;
  Names names_;
  Secret token_;
  std::vector<std::unique_ptr<Link>> links_;
  std::unique_ptr<Door> door_;
};

}  // namespace tdn::wan

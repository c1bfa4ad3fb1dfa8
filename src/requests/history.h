// The request log read again, by whoever asks what became of a request: `tdn requests`, `tdn
// explain`.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "io/disk.h"
#include "requests/entry.h"
#include "requests/file.h"

namespace tdn::requests {

// One request, as far as the log knows it.
struct Told {
  std::vector<Decided> attempts;  // in their order
  std::optional<Ended> ended;     // nothing while it is under way, or its entry was dropped
};

// What a folder of the log says. Files that vanish while it is read, and torn ends, are passed
// over: the log is droppable.
class History final : private Visitor {
 public:
  // Errors: of the disk; kMissing if there is no such folder.
  [[nodiscard]] static Result<History> read(io::Disk& disk, const std::string& folder);

  // The last `count` that ended, the newest last.
  [[nodiscard]] std::vector<const Ended*> last(std::size_t count) const;
  // Null if the log does not know it (any more).
  [[nodiscard]] const Told* find(const RequestId& request) const;

  [[nodiscard]] std::string model_of(const Ended& ended) const;
  [[nodiscard]] std::string model_of(const Decided& decided) const;
  // "site/endpoint", or empty.
  [[nodiscard]] std::string endpoint_of(const Ended& ended) const;
  [[nodiscard]] std::string endpoint_of(const Decided& decided, std::uint32_t endpoint) const;
  // The site whose edge wrote it.
  [[nodiscard]] std::string here_of(const Decided& decided) const;
  [[nodiscard]] std::string here_of(const Ended& ended) const;
  [[nodiscard]] std::vector<route::Place> places_of(const Decided& decided) const;

 private:
  void on(Names names) override;
  void on(Decided decided) override;
  void on(Ended ended) override;
  [[nodiscard]] const Names* names(std::uint64_t number) const;
  [[nodiscard]] std::string here_of(std::uint64_t names) const;
  [[nodiscard]] route::Place place_of(std::uint64_t names, std::uint32_t endpoint) const;

  // Numbers are of one file; entries refer to the lists by their place here once read.
  std::vector<Names> names_;
  std::map<std::uint64_t, std::uint64_t> numbers_;  // of the file being read
  std::map<RequestId, Told> requests_;
};

// The decision of a recorded attempt, made again by the same code.
struct Rerun {
  route::Decision decision;
  bool same = false;  // as it was recorded
};
[[nodiscard]] Rerun run_again(const Decided& decided);

}  // namespace tdn::requests

// Breaks and heals a running network on demand: the door of `tdn up` that `tdn chaos` knocks at.
//
//   GET /v1/chaos     what is broken now
//   POST /v1/chaos    a ChaosRequest (chaos.h); answers as GET, once it holds
//
// Where the door is, and its token, stand in `chaos.json` of the state folder (0600) while the
// network runs. A new start of the network begins with nothing broken.
//
// Belongs to its loop's thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/random.h"
#include "local/chaos.h"
#include "local/state_folder.h"
#include "local/supervisor.h"
#include "wan/door.h"

namespace tdn::local {

// {"url":"http://127.0.0.1:PORT","token":"…"}: how `tdn chaos` finds the door.
[[nodiscard]] std::string chaos_file(const std::string& state_folder);
// kMissing if no network runs there, kInvalid if the file holds something else.
[[nodiscard]] Result<wan::DoorKey> read_chaos_file(const std::string& path);

// Random, of 32 bytes.
[[nodiscard]] Secret make_token(Random& random);

class Breaker final : private wan::DoorHost {
 public:
  // All borrowed but `nodes`.
  Breaker(io::Loop& loop, io::Network& network, Supervisor& supervisor, const StateFolder& state,
          Nodes nodes);
  // Closed.
  ~Breaker();

  [[nodiscard]] Result<void> open(Random& random);
  // Links are healed, so that what stops can still say its last words.
  [[nodiscard]] io::Task<> close();

  // `tdn wan` runs, perhaps again: it is told what is broken.
  void set_wan(wan::DoorKey door);
  // Once more, if anything is broken; returns when it was told.
  [[nodiscard]] io::Task<> tell_links();
  [[nodiscard]] const Chaos& chaos() const { return chaos_; }

 private:
  io::Task<Result<std::string>> answer(wan::DoorRequest request) override;
  // Processes as the list has them.
  void apply_to_processes();
  [[nodiscard]] io::Task<Result<void>> apply_to_links();

  io::Loop& loop_;
  io::Network& network_;
  Supervisor& supervisor_;
  const StateFolder& state_;
  Chaos chaos_;
  std::optional<wan::DoorKey> wan_;
  std::unique_ptr<wan::Door> door_;
  io::TaskGroup tasks_;
};

}  // namespace tdn::local

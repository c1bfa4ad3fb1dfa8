// An application of the simulated world: asks the gateway for chat completions, streamed or not,
// with a good key or a bad one, reads fast or slowly, sometimes leaves in the middle; and remembers
// exactly what it was told. What it was told is what the books are checked against.
//
// Belongs to its loop's thread.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "base/random.h"
#include "codec/http1.h"
#include "io/network.h"
#include "io/task_group.h"
#include "sim/trace.h"

namespace tdn::sim {

enum class Wrong : std::uint8_t { kNothing, kKey, kModel, kBody };

// What one request asked, and what its client was told.
struct Told {
  std::string mark;  // its `user` member
  Instant started{};
  Wrong wrong = Wrong::kNothing;
  bool streamed = false;
  bool asked_usage = false;

  int status = 0;                   // 0: no head of an answer arrived
  std::string request_id;           // `x-request-id`
  std::string text;                 // generated text, as far as it arrived
  bool finish = false;              // a finish reason, or a whole body, arrived with status 200
  bool done = false;                // [DONE] arrived
  bool error = false;               // an error event arrived
  bool usage = false;               // the answer said its usage
  std::uint64_t prompt_tokens = 0;  // of that
  std::uint64_t completion_tokens = 0;
  bool left = false;        // the client went away before the answer's end
  std::string complaint{};  // the answer broke a rule that clients rely on
};

struct ClientOptions {
  std::string key{};                               // a good one
  std::string location{};                          // as `tdn-client-location` says it; or nothing
  std::uint64_t most_requests = 4;                 // one after the other
  Duration think = std::chrono::milliseconds(15);  // before each, on average
  std::uint64_t leave_percent = 15;
  std::uint64_t wrong_percent = 6;
  // How long a client waits for a whole answer, at most.
  Duration patience = std::chrono::seconds(20);
};

class SimClient {
 public:
  // All but name, address and options are borrowed.
  SimClient(io::Loop& loop, io::Network& network, const io::Address& gateway, std::string name,
            Random& random, Trace& trace, const ClientOptions& options);
  ~SimClient();

  void start() { tasks_.spawn(run()); }
  void stop() { tasks_.cancel(); }
  [[nodiscard]] bool finished() const { return tasks_.size() == 0; }
  [[nodiscard]] const std::deque<Told>& told() const { return told_; }
  // Answers whose finish has arrived.
  [[nodiscard]] std::uint64_t finishes() const;

 private:
  struct Connection;
  io::Task<> run();
  io::Task<Result<void>> ask(Told& told);
  io::Task<Result<void>> read_answer(Told& told);
  io::Task<Result<void>> read_stream(Told& told, codec::BodyDecoder decoder);
  [[nodiscard]] Told plan();
  [[nodiscard]] std::string request(const Told& told);
  [[nodiscard]] Duration about(Duration mean);

  io::Loop& loop_;
  io::Network& network_;
  io::Address gateway_;
  std::string name_;
  Random& random_;
  Trace& trace_;
  ClientOptions options_;
  bool slow_;
  std::deque<Told> told_;
  std::unique_ptr<Connection> connection_;  // between requests: kept alive
  io::TaskGroup tasks_;
};

}  // namespace tdn::sim

// An engine of the simulated world: OpenAI's chat/completions over the simulated network, well
// behaved or not, and a count of its own of everything it did. The count is what records are
// compared with, so the engine shares no counting code with the product.
//
// A client marks its request with a `user` member that the gateway passes through untouched; under
// that mark the engine notes each attempt: tokens, text, and how far it got.
//
// Belongs to its loop's thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "codec/http1.h"
#include "io/network.h"
#include "io/task_group.h"
#include "sim/trace.h"

namespace tdn::sim {

// The model of its stories, under the name that scenarios know.
inline constexpr std::string_view kSimModel = "smollm2";

// What goes wrong with one answer. `kNone` and `kLateUsage` are whole answers with usage.
enum class EngineFault : std::uint8_t {
  kNone,
  kLateUsage,        // usage comes, seconds after the finish
  kNoUsage,          // a whole answer that says nothing of tokens
  kNoDone,           // the body ends after usage without [DONE]
  kStatus500,        // refuses with an internal error
  kStatus503,        // refuses for load, with Retry-After
  kSilence,          // takes the request and never answers
  kDiesBeforeHead,   // connection reset instead of an answer
  kDiesInStream,     // reset after some tokens
  kEndsInStream,     // orderly end of connection after some tokens
  kStallsInStream,   // says nothing more after some tokens
  kErrorThenDone,    // an error event in the stream, and then [DONE] as if all were well
  kDiesAfterFinish,  // reset between the finish event and usage
  kGarbage,          // not HTTP
};
inline constexpr std::size_t kEngineFaults = 14;

struct EngineOptions {
  Duration first_token = std::chrono::milliseconds(8);
  Duration token = std::chrono::milliseconds(2);
  std::uint64_t most_tokens = 24;    // of an answer that is not cut by max_tokens
  std::uint64_t fault_percent = 20;  // of requests that get a fault other than kNone
  // An idle connection is closed after at most so long, at a random moment.
  Duration idle = std::chrono::milliseconds(400);
};

// One time that the engine was asked.
struct EngineAttempt {
  std::string request_id;  // as the gateway named it
  Instant started{};
  EngineFault fault = EngineFault::kNone;
  std::uint64_t prompt_tokens = 0;
  std::uint64_t cached_tokens = 0;      // part of prompt_tokens
  std::uint64_t completion_tokens = 0;  // generated so far
  std::string text;                     // the same, as sent
  bool answering = false;               // a head with status 200 was sent
  bool finished = false;                // generated to its end
  bool told_usage = false;              // in the end, to one who asked
};

class SimEngine {
 public:
  // All but the options are borrowed.
  SimEngine(io::Loop& loop, io::Network& network, const io::Address& at, Random& random,
            Trace& trace, const EngineOptions& options);
  // All tasks must have been cancelled and joined, or destroyed.
  ~SimEngine();

  void start();
  // Takes no more connections and cancels what is open.
  void stop();
  [[nodiscard]] bool stopped() const { return tasks_.size() == 0; }

  // The marks of all attempts, in the order in which they came.
  [[nodiscard]] const std::vector<std::string>& marks() const { return marks_; }
  // By the client's mark, in the order in which they came.
  [[nodiscard]] const std::map<std::string, std::deque<EngineAttempt>>& attempts() const {
    return attempts_;
  }

 private:
  struct Work;
  class Connection;
  io::Task<> accept_loop();
  io::Task<> serve(std::unique_ptr<io::Stream> stream);
  io::Task<Result<bool>> serve_one(Connection& connection);
  io::Task<Result<bool>> answer(Connection& connection, Work work);
  io::Task<Result<bool>> answer_whole(Connection& connection, Work work);
  io::Task<Result<bool>> stream_answer(Connection& connection, Work work);
  io::Task<Result<void>> stream_end(Connection& connection, Work work);
  io::Task<Result<void>> generate(Connection& connection, Work work, std::uint64_t tokens);
  [[nodiscard]] Result<Work> understand(std::string_view body, std::string_view request_id);
  [[nodiscard]] EngineFault draw_fault(bool streamed);
  [[nodiscard]] Duration about(Duration mean);

  io::Loop& loop_;
  std::unique_ptr<io::Listener> listener_;
  Random& random_;
  Trace& trace_;
  EngineOptions options_;
  std::map<std::string, std::deque<EngineAttempt>> attempts_;
  std::vector<std::string> marks_;
  io::TaskGroup tasks_;
};

}  // namespace tdn::sim

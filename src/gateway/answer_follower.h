// Follows one streamed answer on its way to the client, event by event: what may leave now, what is
// held back until the books are settled, what the client did not ask for, and what was consumed so
// far. Pure: no I/O, no time.
//
// The rule (FORMATS §5): the event with the last outstanding finish reason, and everything after
// it, leaves only when the settlement is durable; an engine that sends none is held from `[DONE]`
// or its end. A usage event or member that the client did not ask for is cut out; every other byte
// stays.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "codec/openai.h"
#include "codec/sse.h"
#include "gateway/reported_total.h"
#include "meter/usage_vector.h"

namespace tdn::gateway {

// What the engine counts, as the classes of the usage record.
[[nodiscard]] meter::UsageVector to_usage(const codec::ReportedUsage& reported);

class AnswerFollower {
 public:
  struct Wanted {
    std::uint32_t finishes = 1;    // finish reasons the whole answer has
    bool usage_at_end = false;     // the client asked for the usage event
    bool usage_in_events = false;  // and for usage in every event
    std::uint32_t prompts = 1;     // that the finish reasons are spread over
  };
  explicit AnswerFollower(const Wanted& wanted)
      : wanted_(wanted), reported_(wanted.finishes, wanted.prompts) {}

  // What to do with one event. The pieces are the event's own bytes (views of it, or of memory that
  // lasts until the next call), to be sent now if `hold` is false.
  struct Step {
    std::array<std::string_view, 2> pieces;
    bool hold = false;
    bool drop = false;  // nothing of it is for the client
  };
  // An error event of the engine is an error here: kOverloaded if it says so (429, 503), otherwise
  // upstream_error, its words left out of it. So is an event that holds something else than JSON.
  [[nodiscard]] Result<Step> follow(const codec::SseEvent& event);

  // From here on everything is held.
  [[nodiscard]] bool holding() const { return holding_; }
  // All finish reasons came: the answer is complete, whatever becomes of the connection.
  [[nodiscard]] bool finished() const { return finishes_seen_ >= wanted_.finishes; }
  // `[DONE]` came.
  [[nodiscard]] bool done() const { return done_; }
  // Usage for the whole answer came after or with its end.
  [[nodiscard]] bool has_final_usage() const { return has_final_usage_; }

  // The engine's counts so far (gateway/reported_total.h); empty if it gave none.
  [[nodiscard]] meter::UsageVector usage() const { return to_usage(reported_.usage()); }
  [[nodiscard]] bool has_usage() const { return has_usage_; }
  // Events with content, for when the engine gives no counts.
  [[nodiscard]] std::uint64_t content_events() const { return content_events_; }
  [[nodiscard]] codec::Finish finish() const { return finish_; }
  // Grows with each event that may have brought the answer forward. Comments, and events without
  // content that repeat the one before byte for byte, do not: an engine that hangs may keep sending
  // those.
  [[nodiscard]] std::uint64_t steps() const { return steps_; }
  // Something of the answer itself has come: too late to try another endpoint.
  [[nodiscard]] bool begun() const { return begun_; }

 private:
  void count(const codec::Inspection& found);
  void note_step(const codec::Inspection& found, std::string_view data);
  [[nodiscard]] bool cut_usage(const codec::Inspection& found) const;
  void cut(const codec::SseEvent& event, codec::Span member, Step& step);

  Wanted wanted_;
  ReportedTotal reported_;
  codec::EventInspector inspector_;
  std::string rewritten_;
  std::uint64_t content_events_ = 0;
  std::uint64_t steps_ = 0;
  std::uint64_t last_without_content_ = 0;  // its hash; 0: none yet
  std::uint32_t finishes_seen_ = 0;
  codec::Finish finish_ = codec::Finish::kNone;
  bool has_usage_ = false;
  bool has_final_usage_ = false;
  bool holding_ = false;
  bool done_ = false;
  bool begun_ = false;
};

}  // namespace tdn::gateway

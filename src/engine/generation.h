// A request's jobs in the scheduler, as its handler sees them: what has happened since it looked
// last. Leaving the scope cancels what has not ended, so a client that leaves frees its slots by
// the handler's return, however that comes about.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/core.h"

namespace tdn::engine {

class Generation final : public JobListener {
 public:
  // `changed` is set whenever something happened; both are borrowed.
  Generation(Core& core, io::Event& changed) : core_(core), changed_(changed) {}
  ~Generation();
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  // kOverloaded if the queue is full.
  [[nodiscard]] Result<void> submit(Job job);

  [[nodiscard]] int completion_tokens() const { return completion_tokens_; }
  // Of the prompt: those that needed no evaluation.
  [[nodiscard]] int cached_tokens() const { return cached_tokens_; }
  [[nodiscard]] bool started() const { return completion_tokens_ > 0 || ended_; }
  [[nodiscard]] bool ended() const { return ended_; }
  // Once ended: why it failed, or null.
  [[nodiscard]] const Error* error() const { return error_ ? &*error_ : nullptr; }
  // Once ended without an error: how, or the embedding.
  [[nodiscard]] Finish finish() const { return finish_; }
  [[nodiscard]] const std::vector<float>& embedding() const { return embedding_; }

  // The text since the last call.
  [[nodiscard]] std::string take_text() { return std::exchange(text_, {}); }

 private:
  void on_admitted(int cached_tokens) override { cached_tokens_ = cached_tokens; }
  void on_token(std::string_view text, int completion_tokens) override;
  void on_finish(Finish finish, std::string_view text) override;
  void on_embedding(std::vector<float> embedding) override;
  void on_error(const Error& error) override;
  void end();

  Core& core_;
  io::Event& changed_;
  JobId id_ = 0;
  bool ended_ = true;  // nothing to cancel before `submit`
  std::string text_;
  int completion_tokens_ = 0;
  int cached_tokens_ = 0;
  Finish finish_ = Finish::kStop;
  std::optional<Error> error_;
  std::vector<float> embedding_;
};

}  // namespace tdn::engine

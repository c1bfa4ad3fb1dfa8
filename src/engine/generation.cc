#include "engine/generation.h"

namespace tdn::engine {

Generation::~Generation() {
  if (!ended_) {
    core_.cancel(id_);
  }
}

Result<void> Generation::submit(Job job) {
  job.listener = this;
  TDN_TRY(id_, core_.submit(std::move(job)));
  ended_ = false;
  return {};
}

void Generation::on_token(std::string_view text, int completion_tokens) {
  text_ += text;
  completion_tokens_ = completion_tokens;
  changed_.set();
}

void Generation::on_finish(Finish finish, std::string_view text) {
  text_ += text;
  finish_ = finish;
  end();
}

void Generation::on_embedding(std::vector<float> embedding) {
  embedding_ = std::move(embedding);
  end();
}

void Generation::on_error(const Error& error) {
  error_ = error;
  end();
}

void Generation::end() {
  ended_ = true;
  changed_.set();
}

}  // namespace tdn::engine

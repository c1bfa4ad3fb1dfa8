// Whether something answers over HTTP, as asked when a network starts.
#pragma once

#include <string>

#include "base/secret.h"
#include "io/network.h"

namespace tdn::local {

struct Question {
  std::string url;   // "http://127.0.0.1:8080"
  std::string path;  // "/healthz"
  Secret bearer;     // an API key, or empty
  int also = 200;    // a further status that will do
};

// True for an answer with status 200, or `also`, within two seconds.
[[nodiscard]] io::Task<bool> answers(io::Loop& loop, io::Network& network, Question question);

}  // namespace tdn::local

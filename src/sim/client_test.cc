// Client and engine without a gateway between them: they agree on every answer.
#include "sim/client.h"

#include <gtest/gtest.h>

#include "sim/engine.h"
#include "sim/network.h"

namespace tdn::sim {
namespace {

struct Pair {
  Pair(std::uint64_t seed, const EngineOptions& engine_options, const ClientOptions& client_options)
      : random(seed),
        engine(loop, engine_host, engine_host.address(80), random, trace, engine_options),
        client(loop, client_host, engine_host.address(80), "c", random, trace, client_options) {
    engine.start();
    client.start();
    while (!client.finished()) {
      loop.run_once(kNever);
    }
    engine.stop();
    while (!engine.stopped()) {
      loop.run_once(kNever);
    }
  }
  const EngineAttempt& attempt(const Told& told) { return engine.attempts().at(told.mark).front(); }

  ManualClock clock;
  Trace trace{clock};
  SeededRandom random;
  SimPoller poller{clock};
  io::Loop loop{clock, poller};
  SimNetwork network{poller, random, trace};
  SimHost& engine_host = network.add_host("engine");
  SimHost& client_host = network.add_host("client");
  SimEngine engine;
  SimClient client;
};

TEST(SimClient, IsToldWhatAGoodEngineGenerated) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    Pair pair(seed, {.fault_percent = 0}, {.leave_percent = 0, .wrong_percent = 0});
    ASSERT_FALSE(pair.client.told().empty());
    for (const Told& told : pair.client.told()) {
      // An engine that closes idle connections may do so under a request; it is not retried here.
      if (told.status == 0) {
        continue;
      }
      EXPECT_EQ(told.status, 200);
      EXPECT_TRUE(told.finish);
      EXPECT_EQ(told.done, told.streamed);
      EXPECT_EQ(told.text, pair.attempt(told).text);
      EXPECT_EQ(told.usage, !told.streamed || told.asked_usage);
      if (told.usage) {
        EXPECT_EQ(told.completion_tokens, pair.attempt(told).completion_tokens);
        EXPECT_EQ(told.prompt_tokens, pair.attempt(told).prompt_tokens);
      }
      EXPECT_EQ(told.complaint, "");
    }
  }
}

TEST(SimEngine, EveryFaultShowsAndNoneLooksLikeAWholeAnswer) {
  std::vector<int> seen(kEngineFaults);
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    Pair pair(seed, {.fault_percent = 100}, {.leave_percent = 0, .wrong_percent = 0});
    for (const Told& told : pair.client.told()) {
      if (!pair.engine.attempts().contains(told.mark)) {
        continue;
      }
      const EngineAttempt& attempt = pair.attempt(told);
      ++seen[static_cast<std::size_t>(attempt.fault)];
      EXPECT_TRUE(!told.finish || attempt.finished) << static_cast<int>(attempt.fault);
      EXPECT_EQ(attempt.text.substr(0, told.text.size()), told.text);
    }
  }
  for (std::size_t fault = 0; fault < kEngineFaults; ++fault) {
    EXPECT_GT(seen[fault], 0) << fault;
  }
}

TEST(SimEngine, StopsGeneratingForAClientThatLeft) {
  std::uint64_t stopped = 0;
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    Pair pair(seed, {.most_tokens = 1000, .fault_percent = 0},
              {.leave_percent = 100, .wrong_percent = 0});
    for (const auto& [mark, attempts] : pair.engine.attempts()) {
      stopped += attempts.front().finished ? 0 : 1;
      EXPECT_LT(attempts.front().completion_tokens, 1000U);
    }
  }
  EXPECT_GT(stopped, 0U);
}

}  // namespace
}  // namespace tdn::sim

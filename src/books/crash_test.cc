// Any sequence of requests, cut by a crash at any disk operation: what a client was told is there.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <vector>

#include "books/test_rig.h"

namespace tdn::books {
namespace {

struct Crash {};

struct Outcome {
  std::vector<std::uint64_t> promised;                // seqs that waiters were told are durable
  std::map<std::uint64_t, std::uint64_t> request_of;  // seq → request
  std::set<std::uint64_t> refused;
  std::set<std::uint64_t> admitted;
};

// A process's life: random steps until the disk operation at which it dies.
class Life {
 public:
  Life(Rig& rig, std::uint64_t& next_request, Outcome& outcome)
      : rig_(rig), next_request_(next_request), outcome_(outcome) {}

  void live(int steps) {
    for (int i = 0; i < steps; ++i) {
      step();
    }
  }

 private:
  struct Waiting final : public meter::DurableWaiter {
    Waiting(Outcome& o, std::uint64_t r) : outcome(o), request(r) {}
    void on_durable(std::uint64_t seq) override {
      if (seq != 0) {
        outcome.promised.push_back(seq);
        outcome.request_of[seq] = request;
      }
    }
    Outcome& outcome;
    std::uint64_t request;
  };
  struct Open {
    meter::AdmissionHandle handle;
    std::uint64_t request = 0;
    std::uint64_t output = 0;
  };

  meter::DurableWaiter* waiter(std::uint64_t request) {
    waiters_.push_back(std::make_unique<Waiting>(outcome_, request));
    return waiters_.back().get();
  }

  void step() {
    const std::uint64_t dice = rig_.random.below(10);
    if (dice < 3 || open_.empty()) {
      admit();
    } else if (dice < 5) {
      checkpoint();
    } else if (dice < 7) {
      end();
    } else if (dice == 7) {
      rig_.books->flush();
      // Between the write and the sync, too, the loop takes its mail.
      ASSERT_TRUE(rig_.service->writer().write());
      rig_.loop->mailbox().drain();
    } else {
      rig_.turn();
    }
  }

  void admit() {
    meter::UsageRecord draft = test_draft(next_request_, rig_.clock.wall());
    const bool stream = rig_.random.below(2) == 0;
    const auto handle =
        rig_.books->admit(draft, test_price(), {}, stream ? waiter(next_request_) : nullptr);
    if (handle) {
      outcome_.admitted.insert(next_request_);
      open_.push_back({*handle, next_request_++, 0});
    }
  }

  Open take() {
    const std::size_t at = rig_.random.below(open_.size());
    const Open taken = open_[at];
    open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(at));
    return taken;
  }

  void checkpoint() {
    Open& open = open_[rig_.random.below(open_.size())];
    open.output += rig_.random.below(50) + 1;
    meter::UsageVector usage;
    usage.set(meter::TokenClass::kInputTextFresh, 20);
    usage.set(meter::TokenClass::kOutputText, open.output);
    rig_.books->checkpoint(open.handle, {.endpoint = test_uid(7), .usage = usage});
  }

  void end() {
    const Open open = take();
    if (rig_.random.below(8) == 0) {
      outcome_.refused.insert(open.request);
      rig_.books->refuse(open.handle, Code::kOverloaded);
      return;
    }
    rig_.settle(open.handle, open.request, open.output + 1, waiter(open.request));
    if (!outcome_.promised.empty() && rig_.random.below(2) == 0) {
      rig_.books->delivered(outcome_.promised.back());
    }
  }

  Rig& rig_;
  std::uint64_t& next_request_;
  Outcome& outcome_;
  std::vector<Open> open_;
  std::vector<std::unique_ptr<Waiting>> waiters_;
};

std::vector<std::uint8_t> state_of(const Replica& replica) {
  ByteBuffer out;
  replica.encode(out);
  return {out.view().begin(), out.view().end()};
}

// What is wrong with the journal, or nothing.
std::string check(Rig& rig, const Outcome& outcome) {
  const auto stored = read_all(rig.disk);
  if (!stored) {
    return to_string(stored.error());
  }
  meter::Digest prev{};
  std::set<std::uint64_t> requests;
  for (std::size_t i = 0; i < stored->records.size(); ++i) {
    const meter::UsageRecord& record = stored->records[i];
    if (record.seq != i + 1 || record.prev != prev) {
      return "the chain breaks at seq " + std::to_string(record.seq);
    }
    ByteBuffer bytes;
    meter::encode(record, bytes);
    prev = codec::sha256(bytes.view());
    std::uint64_t request = 0;
    for (std::size_t k = 8; k < 16; ++k) {
      request = request << 8U | record.request.uid.bytes[k];
    }
    if (!requests.insert(request).second) {
      return "request " + std::to_string(request) + " has two records";
    }
    if (!outcome.admitted.contains(request)) {
      return "a record of request " + std::to_string(request) + ", which was never admitted";
    }
    const auto promised = outcome.request_of.find(record.seq);
    if (promised != outcome.request_of.end() &&
        (promised->second != request || record.end != meter::End::kComplete)) {
      return "seq " + std::to_string(record.seq) +
             " is not the record that was promised, but request " + std::to_string(request) +
             " instead of " + std::to_string(promised->second);
    }
  }
  for (const std::uint64_t seq : outcome.promised) {
    if (seq > stored->records.size()) {
      return "the record with seq " + std::to_string(seq) + " was promised and is lost";
    }
  }
  return "";
}

// One seed: several lives with a crash each. What is wrong in the end, or nothing.
std::string run(std::uint64_t seed, PlantedBug bug) {
  Rig rig(seed);
  rig.options.bug = bug;
  Outcome outcome;
  std::uint64_t next_request = 1;
  for (int life = 0; life < 3; ++life) {
    rig.disk.set_fault(nullptr);
    if (const auto started = rig.try_start(); !started) {
      return "cannot start: " + to_string(started.error());
    }
    if (const std::string wrong = check(rig, outcome); !wrong.empty()) {
      return wrong;
    }
    std::uint64_t operations_left = rig.random.below(60);
    rig.disk.set_fault([&operations_left](io::DiskOp, const std::string&) -> Result<void> {
      if (operations_left-- == 0) {
        throw Crash{};
      }
      return {};
    });
    const bool starts_again = rig.random.below(4) == 0;
    try {
      Life life_of_process(rig, next_request, outcome);
      if (starts_again) {
        // Dies while recovering from a death.
        rig.disk.crash(rig.random, rig.random.below(2) == 0);
        if (const auto started = rig.try_start(); !started) {
          return "cannot start: " + to_string(started.error());
        }
      }
      life_of_process.live(200);
    } catch (const Crash&) {
      rig.stop();
    }
    rig.stop();
    rig.disk.set_fault(nullptr);
    rig.disk.crash(rig.random, rig.random.below(3) == 0);
  }
  if (const auto started = rig.try_start(); !started) {
    return "cannot start: " + to_string(started.error());
  }
  if (std::string wrong = check(rig, outcome); !wrong.empty()) {
    return wrong;
  }
  const auto state = state_of(rig.service->journal().replica());
  rig.stop();
  if (const auto started = rig.try_start(); !started) {
    return "cannot start again: " + to_string(started.error());
  }
  return state_of(rig.service->journal().replica()) == state
             ? ""
             : "the writer's replica differs from what replay gives";
}

TEST(Crash, EveryPromisedRecordIsThereOnceInADenseVerifiedChain) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const std::string wrong = run(seed, PlantedBug::kNone);
    ASSERT_TRUE(wrong.empty()) << "seed " << seed << ": " << wrong;
  }
}

TEST(Crash, ReleasingBeforeTheSyncIsCaught) {
  int caught = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    caught += run(seed, PlantedBug::kReleaseBeforeSync).empty() ? 0 : 1;
  }
  EXPECT_GT(caught, 0);
}

}  // namespace
}  // namespace tdn::books

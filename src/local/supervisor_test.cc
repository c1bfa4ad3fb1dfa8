#include "local/supervisor.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>

#include "local/files.h"
#include "local/test_process.h"

namespace tdn::local {
namespace {

using namespace std::chrono_literals;

// A child that serves until it is told to stop, as far as its parent can see.
std::string serving(const std::string& ready_file) {
  return fmt::format("echo up >{0}.new; mv {0}.new {0}; {1}", ready_file, TestProcesses::kStay);
}

class SupervisorTest : public ::testing::Test, protected TestProcesses, protected SupervisorEvents {
 protected:
  ChildSpec spec(const std::string& name, const std::string& script, int stage = 0) const {
    ChildSpec child{.name = name,
                    .command = shell(script),
                    .ready_file = folder / (name + ".ready"),
                    .stage = stage};
    child.command.log_file = folder / (name + ".log");
    return child;
  }
  ChildSpec server(const std::string& name, int stage = 0) const {
    return spec(name, serving(folder / (name + ".ready")), stage);
  }
  void until_told(const std::string& what) {
    until([&] { return std::find(told.begin(), told.end(), what) != told.end(); },
          Supervisor::kLook);
  }
  void stop(Instant deadline) {
    bool stopped = false;
    group.spawn(stop_and_tell(deadline, stopped));
    until([&] { return stopped; });
  }
  io::Task<> stop_and_tell(Instant deadline, bool& stopped) {
    co_await supervisor.stop(deadline);
    stopped = true;
  }
  ~SupervisorTest() override {
    supervisor.kill_all();
    stop(kNever);
  }

  void on_ready(const ChildSpec& child, int pid, const std::string& text) override {
    EXPECT_EQ(text, "up\n");
    EXPECT_EQ(pid, supervisor.pid(child.name));
    told.push_back("ready " + child.name);
  }
  void on_ended(const ChildSpec& child, Exit exit, const std::string& last_words,
                Duration delay) override {
    told.push_back(fmt::format("ended {}: {} '{}', again in {} ms", child.name, to_string(exit),
                               last_words, delay / 1ms));
  }
  void on_held(const ChildSpec& child) override { told.push_back("held " + child.name); }
  void on_failed(const ChildSpec& child, const Error& error) override {
    told.push_back(fmt::format("failed {}: {}", child.name, error.detail()));
  }

  std::vector<std::string> told;
  Supervisor supervisor{loop, poller, *this};
};

TEST_F(SupervisorTest, StartsAChildAgainAfterTheBackOffAndNotBefore) {
  supervisor.start(server("edge"));
  until_told("ready edge");
  clock.advance(Backoff::kGoodRun);
  settle();
  ::kill(supervisor.pid("edge"), SIGKILL);
  until([&] { return told.size() == 2; });
  EXPECT_EQ(told[1], "ended edge: signal 9 (Killed) '', again in 500 ms");
  clock.advance(499ms);
  settle();
  EXPECT_EQ(supervisor.pid("edge"), 0);
  told.clear();
  clock.advance(1ms);
  settle();
  EXPECT_NE(supervisor.pid("edge"), 0);
  until_told("ready edge");
}

TEST_F(SupervisorTest, WhatIsHeldStaysDownUntilItIsReleased) {
  supervisor.start(server("edge"));
  until_told("ready edge");
  supervisor.hold("edge");
  until_told("held edge");
  clock.advance(1h);
  settle();
  EXPECT_EQ(supervisor.pid("edge"), 0);
  told.clear();
  supervisor.release("edge");
  until_told("ready edge");
  EXPECT_EQ(told.size(), 1U);
}

TEST_F(SupervisorTest, WhatWaitsToBeStartedAgainCanBeHeldToo) {
  supervisor.start(server("edge"));
  until_told("ready edge");
  ::kill(supervisor.pid("edge"), SIGKILL);
  until([&] { return told.size() == 2; });
  supervisor.hold("edge");
  clock.advance(1h);
  settle();
  EXPECT_EQ(supervisor.pid("edge"), 0);
  supervisor.release("edge");
  told.clear();
  until_told("ready edge");
}

// 'T' of /proc/PID/stat: stopped.
char state_of(int pid) {
  const std::string stat = read_text(fmt::format("/proc/{}/stat", pid)).value_or(") ?");
  return stat.at(stat.rfind(") ") + 2);
}

TEST_F(SupervisorTest, WhatIsPausedStandsStillAndGoesOn) {
  supervisor.start(server("edge"));
  until_told("ready edge");
  const int pid = supervisor.pid("edge");
  supervisor.pause("edge");
  until([&] { return state_of(pid) == 'T'; }, 10ms);
  supervisor.resume("edge");
  until([&] { return state_of(pid) != 'T'; }, 10ms);
  EXPECT_EQ(supervisor.pid("edge"), pid);
  EXPECT_EQ(told.size(), 1U);
}

TEST_F(SupervisorTest, StopsWhatIsPausedOrHeldAsAsked) {
  supervisor.start(server("edge", 1));
  supervisor.start(server("engine"));
  until_told("ready edge");
  until_told("ready engine");
  supervisor.pause("edge");
  supervisor.hold("engine");
  until_told("held engine");
  stop(clock.now() + 10s);
  EXPECT_EQ(supervisor.pid("edge"), 0);
  EXPECT_EQ(told.size(), 3U) << "nothing failed";
}

TEST_F(SupervisorTest, AChildThatFailsBeforeItWasEverReadyIsNotStartedAgain) {
  supervisor.start(spec("engine", "echo 'tdn: no such model file m.gguf'; exit 2"));
  until([&] { return !told.empty(); });
  EXPECT_EQ(told[0], "failed engine: no such model file m.gguf");
  clock.advance(1h);
  settle();
  EXPECT_EQ(supervisor.pid("engine"), 0);
  EXPECT_EQ(told.size(), 1U);
}

TEST_F(SupervisorTest, AProgramThatCannotBeExecutedFails) {
  ChildSpec absent = server("engine");
  absent.command.words = {"/no/such/program"};
  supervisor.start(absent);
  until([&] { return !told.empty(); });
  EXPECT_EQ(told[0], "failed engine: cannot start /no/such/program: No such file or directory");
}

TEST_F(SupervisorTest, AnEndByItselfAfterItWasReadyOnceIsRetried) {
  const std::string ready = folder / "edge.ready";
  const std::string first = folder / "first";
  supervisor.start(spec("edge", fmt::format("if [ -e {1} ]; then echo 'port in use'; exit 1; fi; "
                                            "touch {1}; {0}",
                                            serving(ready), first)));
  until_told("ready edge");
  clock.advance(Backoff::kGoodRun);
  ::kill(supervisor.pid("edge"), SIGTERM);
  until_told("ended edge: signal 15 (Terminated) '', again in 500 ms");
  until_told("ended edge: status 1 'port in use', again in 1000 ms");
  EXPECT_FALSE(std::filesystem::exists(ready)) << "a dead child's ready file is removed";
}

TEST_F(SupervisorTest, AKilledChildIsRetriedEvenIfItWasNeverReady) {
  supervisor.start(spec("engine", "kill -SEGV $$"));
  until([&] { return !told.empty(); });
  EXPECT_EQ(told[0], "ended engine: signal 11 (Segmentation fault) '', again in 500 ms");
}

TEST_F(SupervisorTest, AChildThatAsksForItIsStartedAgainEvenIfItWasNeverReady) {
  supervisor.start(spec("edge", "echo 'tdn: a new epoch'; exit 75"));
  until([&] { return !told.empty(); });
  EXPECT_EQ(told[0], "ended edge: status 75 'a new epoch', again in 500 ms");
}

TEST_F(SupervisorTest, StopsTheHigherStageFirst) {
  // Each appends its name when it is told to stop; what it waits with is told too.
  const auto noting = [&](const std::string& name) {
    return fmt::format(
        "trap 'echo {0} >>{1}; kill $!; exit 0' TERM; tail -f /dev/null & echo up "
        ">{2}.new; mv {2}.new {2}; wait",
        name, folder / "order", folder / (name + ".ready"));
  };
  supervisor.start(spec("engine", noting("engine"), 0));
  supervisor.start(spec("edge", noting("edge"), 1));
  until_told("ready engine");
  until_told("ready edge");
  stop(kNever);
  EXPECT_EQ(read_text(folder / "order").value(), "edge\nengine\n");
  EXPECT_EQ(told.size(), 2U) << "no end is reported while stopping";
}

TEST_F(SupervisorTest, WhoIgnoresTheRequestToStopIsKilledAtTheDeadline) {
  supervisor.start(spec("engine", "trap '' TERM; " + serving(folder / "engine.ready")));
  until_told("ready engine");
  bool stopped = false;
  group.spawn(stop_and_tell(clock.now() + 9s, stopped));
  settle();
  clock.advance(9s - 1ms);
  settle();
  EXPECT_NE(supervisor.pid("engine"), 0);
  clock.advance(1ms);
  until([&] { return stopped; });
  EXPECT_EQ(supervisor.pid("engine"), 0);
}

TEST_F(SupervisorTest, ACrashWhileStoppingIsTold) {
  supervisor.start(
      spec("edge", fmt::format("trap 'kill $!; kill -SEGV $$' TERM; tail -f /dev/null & echo "
                               "up >{0}.new; mv {0}.new {0}; wait",
                               folder / "edge.ready")));
  until_told("ready edge");
  stop(kNever);
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[1], "failed edge: ended with signal 11 (Segmentation fault) when it was to stop");
}

TEST_F(SupervisorTest, ImpatienceKillsAtOnce) {
  supervisor.start(spec("engine", "trap '' TERM; " + serving(folder / "engine.ready"), 0));
  supervisor.start(spec("edge", "trap '' TERM; " + serving(folder / "edge.ready"), 1));
  until_told("ready engine");
  until_told("ready edge");
  bool stopped = false;
  group.spawn(stop_and_tell(kNever, stopped));
  settle();
  supervisor.kill_all();
  until([&] { return stopped; });
}

TEST_F(SupervisorTest, StoppingDuringTheBackOffStartsNothing) {
  supervisor.start(spec("engine", "kill -KILL $$"));
  until([&] { return !told.empty(); });
  stop(clock.now() + 9s);
  clock.advance(1min);
  settle();
  EXPECT_EQ(told.size(), 1U);
}

}  // namespace
}  // namespace tdn::local

#include "local/child.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "local/files.h"
#include "local/test_process.h"

namespace tdn::local {
namespace {

class ChildTest : public ::testing::Test, protected TestProcesses {
 protected:
  std::unique_ptr<Child> start(const std::string& script) {
    return Child::start(poller, shell(script)).value();
  }
  Exit end_of(Child& child) {
    until([&] { return child.exit().has_value(); });
    return *child.exit();
  }
};

TEST_F(ChildTest, TellsAStatusFromASignal) {
  const auto status = start("exit 3");
  EXPECT_EQ(to_string(end_of(*status)), "status 3");
  const auto killed = start(kStay);
  killed->signal(SIGKILL);
  EXPECT_EQ(to_string(end_of(*killed)), "signal 9 (Killed)");
}

TEST_F(ChildTest, AProgramThatIsNotThereIsAnErrorThatNamesIt) {
  const Result<std::unique_ptr<Child>> child =
      Child::start(poller, {.words = {"/no/such/program"}, .log_file = folder / "log"});
  ASSERT_FALSE(child.has_value());
  EXPECT_EQ(child.error().detail(), "cannot start /no/such/program: No such file or directory");
}

TEST_F(ChildTest, OutputGoesToItsLogAndNothingComesIn) {
  const auto child = start("cat; echo out; echo err >&2");
  end_of(*child);
  EXPECT_EQ(read_text(folder / "log").value(), "out\nerr\n");
}

TEST_F(ChildTest, LastWordsAreOfThisRunAndPreferWhatWasMeantForPeople) {
  const auto earlier = start("echo 'tdn: of an earlier run'");
  end_of(*earlier);
  const auto silent = start("true");
  end_of(*silent);
  EXPECT_EQ(silent->last_words(), "");
  const auto terse = start("echo one; echo two; echo");
  end_of(*terse);
  EXPECT_EQ(terse->last_words(), "two");
  const auto told = start("echo 'tdn: the model cannot be read'; echo '{\"level\":\"info\"}'");
  end_of(*told);
  EXPECT_EQ(told->last_words(), "the model cannot be read");
  const auto role = start("echo 'tdn engine: no such file: m.gguf'; echo 'tdn1: x'");
  end_of(*role);
  EXPECT_EQ(role->last_words(), "no such file: m.gguf");
}

TEST_F(ChildTest, ALogThatHasGrownLargeIsSetAside) {
  const auto first = start("head -c 8388609 /dev/zero");
  end_of(*first);
  const auto second = start("echo fresh");
  end_of(*second);
  EXPECT_EQ(read_text(folder / "log").value(), "fresh\n");
  EXPECT_TRUE(std::filesystem::exists(folder / "log.1"));
}

TEST_F(ChildTest, StandsInAGroupOfItsOwnWithNoSignalBlocked) {
  const auto child = start(kStay);
  EXPECT_EQ(::getpgid(child->pid()), child->pid());
  child->signal(SIGTERM);
  EXPECT_EQ(to_string(end_of(*child)), "signal 15 (Terminated)");
}

TEST_F(ChildTest, DestroyingOneThatRunsKillsAndReapsIt) {
  auto child = start(kStay);
  const int pid = child->pid();
  child.reset();
  EXPECT_EQ(::kill(pid, 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

// The parent is a process of its own here, killed without warning; the child holds the writing end
// of a fifo, so its end shows as the end of the fifo.
TEST_F(ChildTest, DiesWithItsParentHoweverThatEnds) {
  const std::string fifo = folder / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  const pid_t parent = ::fork();
  ASSERT_GE(parent, 0);
  if (parent == 0) {
    io::EpollPoller own(system_clock());
    const auto child =
        Child::start(own, shell("exec 3>" + fifo + "; echo started >&3; exec tail -f /dev/null"));
    while (true) {
      ::pause();
    }
  }
  const FileDescriptor reading(::open(fifo.c_str(), O_RDONLY));
  std::array<char, 16> buffer{};
  EXPECT_EQ(::read(reading.get(), buffer.data(), buffer.size()), 8) << "the child runs";
  ::kill(parent, SIGKILL);
  ::waitpid(parent, nullptr, 0);
  EXPECT_EQ(::read(reading.get(), buffer.data(), buffer.size()), 0) << "and is gone";
}

}  // namespace
}  // namespace tdn::local

#include "local/child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/assert.h"
#include "io/signals.h"
#include "local/files.h"

namespace tdn::local {
namespace {

constexpr off_t kLargestLog = 8 << 20;
constexpr std::size_t kLastWords = 4096;  // bytes of a log that are looked through for them

// Opens the log for appending; `begin` is where new lines will stand.
Result<FileDescriptor> open_log(const std::string& path, std::uint64_t& begin) {
  struct stat info{};
  if (::stat(path.c_str(), &info) == 0 && info.st_size > kLargestLog) {
    ::rename(path.c_str(), (path + ".1").c_str());  // if it fails, the old log goes on growing
  }
  FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!file.is_open() || ::fstat(file.get(), &info) != 0) {
    return fail(Code::kUnavailable, system_failure("cannot open the log file", path));
  }
  begin = static_cast<std::uint64_t>(info.st_size);
  return file;
}

// In the child, between fork and exec: only calls that are safe there. What fails is told through
// `report` as errno.
[[noreturn]] void become(char* const* words, int log, int report, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) {  // it died before the line above
    ::_exit(127);
  }
  ::setpgid(0, 0);
  ::signal(SIGPIPE, SIG_DFL);
  io::unblock_all_signals();
  const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (nothing >= 0 && ::dup2(nothing, STDIN_FILENO) >= 0 && ::dup2(log, STDOUT_FILENO) >= 0 &&
      ::dup2(log, STDERR_FILENO) >= 0) {
    ::execv(words[0], words);
  }
  const int reason = errno;
  // Nothing can be done if even this fails: the status still says that it did not start.
  static_cast<void>(::write(report, &reason, sizeof reason));
  ::_exit(127);
}

// The errno that kept the child from becoming its program; 0 if nothing did.
int exec_failure(int report) {
  int reason = 0;
  ssize_t count = 0;
  do {
    count = ::read(report, &reason, sizeof reason);
  } while (count < 0 && errno == EINTR);
  return count == static_cast<ssize_t>(sizeof reason) ? reason : 0;
}

// What follows "tdn: " or "tdn engine: "; empty if the line begins with neither.
std::string_view after_program_name(std::string_view line) {
  const std::size_t colon = line.find(": ");
  const std::string_view name = line.substr(0, std::min(colon, line.size()));
  const bool is_ours = colon != line.npos && (name == "tdn" || name.starts_with("tdn ")) &&
                       name.find_first_not_of("abcdefghijklmnopqrstuvwxyz ") == name.npos;
  return is_ours ? line.substr(colon + 2) : std::string_view();
}

int pidfd_of(pid_t pid) {
  // Not yet reaped, so the number still means this process.
  const long fd = ::syscall(SYS_pidfd_open, pid, 0);
  TDN_ASSERT(fd >= 0);
  return static_cast<int>(fd);
}

}  // namespace

std::string to_string(Exit exit) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): the C library's buffer is per thread
  return exit.killed ? fmt::format("signal {} ({})", exit.number, ::strsignal(exit.number))
                     : fmt::format("status {}", exit.number);
}

Result<std::unique_ptr<Child>> Child::start(io::EpollPoller& poller, const Command& command) {
  TDN_ASSERT(!command.words.empty());
  std::uint64_t log_begin = 0;
  TDN_TRY(const FileDescriptor log, open_log(command.log_file, log_begin));
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) {
    return fail(Code::kUnavailable, system_failure("cannot make a pipe for", command.words[0]));
  }
  const FileDescriptor report_in(pipe[0]);
  FileDescriptor report_out(pipe[1]);
  std::vector<std::string> words = command.words;
  std::vector<char*> pointers;
  for (std::string& word : words) {
    pointers.push_back(word.data());
  }
  pointers.push_back(nullptr);

  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) {
    return fail(Code::kUnavailable, system_failure("cannot start", command.words[0]));
  }
  if (pid == 0) {
    become(pointers.data(), log.get(), report_out.get(), parent);
  }
  report_out.close();
  const int pidfd = pidfd_of(pid);
  // From here on the child is reaped by its destructor at the latest.
  std::unique_ptr<Child> child(new Child(poller, command, log_begin, pid, pidfd));
  if (const int reason = exec_failure(report_in.get()); reason != 0) {
    errno = reason;
    return fail(Code::kUnavailable, system_failure("cannot start", command.words[0]));
  }
  return child;
}

Child::Child(io::EpollPoller& poller, const Command& command, std::uint64_t log_begin, int pid,
             int pidfd)
    : poller_(poller),
      log_file_(command.log_file),
      log_begin_(log_begin),
      pid_(pid),
      pidfd_(pidfd) {
  poller_.add(pidfd_, *this);
}

Child::~Child() {
  poller_.remove(pidfd_, *this);
  if (!exit_) {
    signal(SIGKILL);
    siginfo_t info{};
    while (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED) != 0 && errno == EINTR) {
    }
  }
  ::close(pidfd_);
}

void Child::signal(int number) {
  if (!exit_) {
    ::syscall(SYS_pidfd_send_signal, pidfd_, number, nullptr, 0);
  }
}

void Child::on_ready(io::Readiness) {
  if (!exit_) {
    reap();
  }
}

void Child::reap() {
  siginfo_t info{};
  if (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG) != 0 || info.si_pid == 0) {
    return;
  }
  exit_ = Exit{.killed = info.si_code != CLD_EXITED, .number = info.si_status};
  ended_.set();
}

std::string Child::last_words() const {
  const std::string tail = read_tail(log_file_, log_begin_, kLastWords);
  std::string_view rest = tail;
  std::string_view last;
  std::string_view told;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    last = line.empty() ? last : line;
    const std::string_view words = after_program_name(line);
    told = words.empty() ? told : words;
  }
  return std::string(told.empty() ? last : told);
}

}  // namespace tdn::local

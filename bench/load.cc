// Load generator for OpenAI-shaped traffic: prints one line of JSON about what it saw.
//
//   bench_load --port N [--connections N] [--seconds S] [--warmup S] [--ramp S] [--rate R]
//   [--stream]
//              [--events N] [--key KEY] [--model NAME] [--body-bytes N] [--watch PID]…
//
// Closed loop: each connection sends its next request when the last one is answered, the first ones
// spread over `ramp`. With `rate`, open loop: requests start at that rate whatever the answers do,
// and latency counts from the planned start. Only what starts and ends inside the measured window
// (after warm-up and ramp) counts as latency; an event counts when it arrives in it. Every answer
// is checked: status, framing, a whole body, [DONE], and with --events the number of events.
// --watch adds what these processes cost within the very same window.
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "watch.h"
#include "wire.h"

namespace tdn::bench {
namespace {

struct Options {
  std::uint16_t port = 8080;
  std::size_t connections = 1;
  double seconds = 3;
  double warmup = 0.3;
  double ramp = 0;
  double rate = 0;  // requests per second; 0 = closed loop
  bool stream = false;
  std::uint64_t events = 0;  // per stream; 0 = any number
  std::string key = "none";
  std::string model = "bench";
  std::size_t body_bytes = 1024;
  std::vector<pid_t> watched;
};

std::string request_for(const Options& options) {
  std::string body = "{\"model\":\"" + options.model +
                     R"(","messages":[{"role":"system","content":"You are a helpful assistant."},)"
                     R"({"role":"user","content":")";
  const std::string end = std::string(R"("}],"temperature":0.7,"max_tokens":256,"stream":)") +
                          (options.stream ? "true}" : "false}");
  while (body.size() + end.size() < options.body_bytes) {
    body += body.size() % 7 == 0 ? ' ' : 'w';
  }
  body += end;
  return "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(options.port) +
         "\r\nUser-Agent: bench-load\r\nAccept: */*\r\nAuthorization: Bearer " + options.key +
         "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

// Durations in ns, answered in µs.
class Samples {
 public:
  explicit Samples(std::size_t expected) { values_.reserve(expected); }
  void add(std::uint64_t ns) {
    values_.push_back(static_cast<std::uint32_t>(std::min<std::uint64_t>(ns, 4'000'000'000u)));
  }
  [[nodiscard]] double us(double quantile) {
    if (values_.empty()) {
      return 0;
    }
    const auto at = static_cast<std::size_t>(quantile * static_cast<double>(values_.size()));
    const auto nth =
        values_.begin() + static_cast<std::ptrdiff_t>(std::min(at, values_.size() - 1));
    std::nth_element(values_.begin(), nth, values_.end());
    return *nth / 1000.0;
  }

 private:
  std::vector<std::uint32_t> values_;
};

struct Connection {
  int fd = -1;
  bool waiting = false;     // for an answer
  bool first_byte = false;  // of it was seen
  std::uint64_t started = 0;
  AnswerReader answer;
};

class Load {
 public:
  explicit Load(const Options& options);
  void run();
  void print();

 private:
  void open(std::size_t index);
  void start(std::size_t index, std::uint64_t planned);
  void start_planned(std::uint64_t now);
  [[nodiscard]] std::uint64_t next_wake() const;
  void read(std::size_t index);
  void answered(std::size_t index, std::uint64_t now);
  void failed(std::size_t index);
  void measure_watched(std::uint64_t now);
  [[nodiscard]] bool measuring(std::uint64_t now) const { return now >= from_ && now < until_; }

  const Options options_;
  const std::string request_;
  const int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  std::vector<Connection> connections_;
  std::uint64_t from_ = 0;  // the measured window
  std::uint64_t until_ = 0;
  std::uint64_t begin_ = 0;
  std::size_t ramped_ = 0;          // connections started, closed loop
  std::uint64_t planned_ = 0;       // requests planned, open loop
  std::vector<std::size_t> idle_;   // open loop
  std::deque<std::uint64_t> late_;  // planned starts that found no idle connection
  std::vector<std::uint64_t> stamps_;
  bool window_open_ = false;
  Cost before_;
  Cost after_;
  Samples latency_{1 << 20};
  Samples first_byte_{1 << 20};
  Samples delay_{1 << 22};
  std::uint64_t requests_ = 0;
  std::uint64_t events_ = 0;
  std::uint64_t errors_ = 0;
  int wrong_status_ = 0;  // the last one
  char buffer_[262'144];
};

std::uint64_t in_ns(double seconds) { return static_cast<std::uint64_t>(seconds * 1e9); }

Load::Load(const Options& options)
    : options_(options), request_(request_for(options)), connections_(options.connections) {
  for (std::size_t i = 0; i < connections_.size(); ++i) {
    open(i);
  }
  begin_ = now_ns();
  from_ = begin_ + in_ns(options.warmup) + in_ns(options.ramp);
  until_ = from_ + in_ns(options.seconds);
  if (options.rate > 0) {
    for (std::size_t i = 0; i < connections_.size(); ++i) {
      idle_.push_back(i);
    }
  }
}

void Load::open(std::size_t index) {
  Connection& connection = connections_[index];
  connection.fd = connect_to(options_.port);
  if (connection.fd < 0) {
    std::fprintf(stderr, "cannot connect to 127.0.0.1:%u: %s\n", unsigned{options_.port},
                 std::strerror(errno));
    std::exit(1);
  }
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  event.data.u64 = index;
  epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.fd, &event);
}

void Load::start(std::size_t index, std::uint64_t planned) {
  Connection& connection = connections_[index];
  connection.started = planned;
  connection.waiting = true;
  connection.first_byte = false;
  connection.answer.reset(options_.stream);
  const ssize_t sent = send(connection.fd, request_.data(), request_.size(), MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(request_.size())) {
    ++errors_;  // a body beyond the socket buffer, or a peer that is gone: its end is read next
  }
}

void Load::start_planned(std::uint64_t now) {
  if (options_.rate > 0) {
    for (;; ++planned_) {
      const std::uint64_t at = begin_ + in_ns(static_cast<double>(planned_) / options_.rate);
      if (at > now) {
        return;
      }
      if (idle_.empty()) {
        late_.push_back(at);
        continue;
      }
      const std::size_t index = idle_.back();
      idle_.pop_back();
      start(index, at);
    }
  }
  const double share =
      options_.ramp > 0 ? static_cast<double>(now - begin_) / 1e9 / options_.ramp : 1;
  const auto wanted =
      static_cast<std::size_t>(share * static_cast<double>(connections_.size())) + 1;
  for (; ramped_ < std::min(wanted, connections_.size()); ++ramped_) {
    start(ramped_, now);
  }
}

std::uint64_t Load::next_wake() const {
  if (options_.rate > 0) {
    return begin_ + in_ns(static_cast<double>(planned_) / options_.rate);
  }
  if (ramped_ < connections_.size()) {
    return begin_ + in_ns(options_.ramp * static_cast<double>(ramped_) /
                          static_cast<double>(connections_.size()));
  }
  return window_open_ ? until_ : from_;
}

void Load::measure_watched(std::uint64_t now) {
  if (!window_open_ && now >= from_) {
    window_open_ = true;
    before_ = cost_of(options_.watched);
    // What counting cost is not part of the window.
    const std::uint64_t length = until_ - from_;
    from_ = now_ns();
    until_ = from_ + length;
  }
}

void Load::failed(std::size_t index) {
  Connection& connection = connections_[index];
  ++errors_;
  if (connection.answer.status() != 0 && connection.answer.status() != 200) {
    wrong_status_ = connection.answer.status();
  }
  close(connection.fd);
  open(index);
  if (connection.waiting) {
    start(index, now_ns());
  }
}

void Load::answered(std::size_t index, std::uint64_t now) {
  Connection& connection = connections_[index];
  connection.waiting = false;
  if (options_.events != 0 && connection.answer.events() != options_.events) {
    ++errors_;
  }
  if (measuring(now)) {
    ++requests_;
    if (connection.started >= from_) {
      latency_.add(now - connection.started);
    }
  }
  if (options_.rate <= 0) {
    start(index, now);
  } else if (!late_.empty()) {
    const std::uint64_t planned = late_.front();
    late_.pop_front();
    start(index, planned);
  } else {
    idle_.push_back(index);
  }
}

void Load::read(std::size_t index) {
  Connection& connection = connections_[index];
  for (;;) {
    const ssize_t got = recv(connection.fd, buffer_, sizeof buffer_, 0);
    if (got < 0 && errno == EAGAIN) {
      return;
    }
    if (got <= 0 || !connection.waiting) {
      return failed(index);
    }
    const std::uint64_t now = now_ns();
    if (!connection.first_byte) {
      connection.first_byte = true;
      if (measuring(now) && connection.started >= from_) {
        first_byte_.add(now - connection.started);
      }
    }
    stamps_.clear();
    const std::span<char> data(buffer_, static_cast<std::size_t>(got));
    const AnswerReader::State state = connection.answer.feed(data, stamps_);
    if (measuring(now)) {
      events_ += stamps_.size();
      for (const std::uint64_t sent : stamps_) {
        delay_.add(now > sent ? now - sent : 0);
      }
    }
    if (state == AnswerReader::State::kWrong) {
      return failed(index);
    }
    if (state == AnswerReader::State::kComplete) {
      answered(index, now);
    }
    if (static_cast<std::size_t>(got) < sizeof buffer_) {
      return;
    }
  }
}

void Load::run() {
  std::vector<epoll_event> ready(1024);
  for (std::uint64_t now = now_ns(); now < until_; now = now_ns()) {
    measure_watched(now);
    start_planned(now);
    const std::uint64_t wake = std::min({next_wake(), until_, now + 100'000'000});
    timespec timeout{};
    timeout.tv_nsec = static_cast<long>(wake > now ? wake - now : 0);
    const int count =
        epoll_pwait2(epoll_, ready.data(), static_cast<int>(ready.size()), &timeout, nullptr);
    for (int i = 0; i < count; ++i) {
      read(ready[static_cast<std::size_t>(i)].data.u64);
    }
  }
  after_ = cost_of(options_.watched);
}

void Load::print() {
  const double seconds = static_cast<double>(until_ - from_) / 1e9;
  std::printf(
      "{\"requests\":%lu,\"errors\":%lu,\"last_wrong_status\":%d,\"seconds\":%.3f,\"rps\":%.1f,"
      "\"latency_us\":{\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f},"
      "\"first_byte_us\":{\"p50\":%.1f,\"p99\":%.1f},"
      "\"events\":%lu,\"events_per_second\":%.1f,\"event_delay_us\":{\"p50\":%.1f,\"p99\":%.1f},"
      "\"watched\":{\"cpu_us\":%.1f,\"user_us\":%.0f,\"system_us\":%.0f,\"resident_kib\":%lu,"
      "\"resident_kib_before\":%lu}}\n",
      requests_, errors_, wrong_status_, seconds, static_cast<double>(requests_) / seconds,
      latency_.us(.5), latency_.us(.9), latency_.us(.99), first_byte_.us(.5), first_byte_.us(.99),
      events_, static_cast<double>(events_) / seconds, delay_.us(.5), delay_.us(.99),
      static_cast<double>(after_.cpu_ns - before_.cpu_ns) / 1000,
      static_cast<double>(after_.user_ns - before_.user_ns) / 1000,
      static_cast<double>(after_.system_ns - before_.system_ns) / 1000, after_.resident_kib,
      before_.resident_kib);
}

void set_number(Options& options, int name, const char* text) {
  const double value = std::strtod(text, nullptr);
  switch (name) {
    case 'p':
      options.port = static_cast<std::uint16_t>(value);
      break;
    case 'c':
      options.connections = static_cast<std::size_t>(value);
      break;
    case 's':
      options.seconds = value;
      break;
    case 'w':
      options.warmup = value;
      break;
    case 'r':
      options.ramp = value;
      break;
    case 'R':
      options.rate = value;
      break;
    case 'e':
      options.events = static_cast<std::uint64_t>(value);
      break;
    case 'b':
      options.body_bytes = static_cast<std::size_t>(value);
      break;
    case 'W':
      options.watched.push_back(static_cast<pid_t>(value));
      break;
    default:
      std::exit(2);
  }
}

Options parse(int argc, char** argv) {
  const option names[] = {{"port", required_argument, nullptr, 'p'},
                          {"connections", required_argument, nullptr, 'c'},
                          {"seconds", required_argument, nullptr, 's'},
                          {"warmup", required_argument, nullptr, 'w'},
                          {"ramp", required_argument, nullptr, 'r'},
                          {"rate", required_argument, nullptr, 'R'},
                          {"stream", no_argument, nullptr, 'S'},
                          {"events", required_argument, nullptr, 'e'},
                          {"key", required_argument, nullptr, 'k'},
                          {"model", required_argument, nullptr, 'm'},
                          {"body-bytes", required_argument, nullptr, 'b'},
                          {"watch", required_argument, nullptr, 'W'},
                          {nullptr, 0, nullptr, 0}};
  Options options;
  for (int name = 0; (name = getopt_long(argc, argv, "", names, nullptr)) != -1;) {
    if (name == 'S') {
      options.stream = true;
    } else if (name == 'k') {
      options.key = optarg;
    } else if (name == 'm') {
      options.model = optarg;
    } else if (name == '?') {
      std::exit(2);
    } else {
      set_number(options, name, optarg);
    }
  }
  return options;
}

}  // namespace
}  // namespace tdn::bench

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  const auto load = std::make_unique<tdn::bench::Load>(tdn::bench::parse(argc, argv));
  load->run();
  load->print();
}

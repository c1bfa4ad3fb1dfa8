// A mock engine: answers as an OpenAI-compatible engine would, with no model behind it. For
// benchmarks alone; every answer says so ("model":"mock").
//
//   bench_mock_engine --port N [--threads N] [--events N] [--gap-us N] [--first-us N] [--one-write]
//
// A POST gets about 1 KB of JSON, or, when its body holds "stream":true, server-sent events:
// `events` of them, the first after `first-us`, the others `gap-us` apart, each with its send time
// in the content; then finish_reason, usage when asked for, and [DONE]. `first-us` delays JSON
// answers too. GET /health, /v1/models and anything else: a small JSON answer.
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <queue>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "wire.h"

namespace tdn::bench {
namespace {

struct Options {
  std::uint16_t port = 9100;
  unsigned threads = 1;
  std::uint32_t events = 64;
  std::uint64_t gap_ns = 0;
  std::uint64_t first_ns = 0;
  bool one_write = false;
};

constexpr std::string_view kStreamHead =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
    "Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";
constexpr std::string_view kEventStart =
    R"(data: {"id":"chatcmpl-mock","object":"chat.completion.chunk","created":1700000000,)"
    R"("model":"mock",)";

std::string json_answer(std::string_view status, std::string_view body) {
  std::string answer = "HTTP/1.1 ";
  answer.append(status).append("\r\nContent-Type: application/json\r\nContent-Length: ");
  answer.append(std::to_string(body.size())).append("\r\n\r\n").append(body);
  return answer;
}

std::string completion_body() {
  std::string body =
      R"({"id":"chatcmpl-mock","object":"chat.completion","created":1700000000,"model":"mock",)"
      R"("choices":[{"index":0,"message":{"role":"assistant","content":")";
  body.append(740, 'a');
  body.append(R"("},"finish_reason":"stop"}],"usage":{"prompt_tokens":200,)");
  return body.append(R"("completion_tokens":190,"total_tokens":390}})");
}

void append_chunk(std::string& out, std::string_view payload) {
  char size[16];
  const int length = std::snprintf(size, sizeof size, "%zx\r\n", payload.size());
  out.append(size, static_cast<std::size_t>(length)).append(payload).append("\r\n");
}

void append_content(std::string& out) {
  std::string event(kEventStart);
  char digits[kStampDigits + 1];
  std::snprintf(digits, sizeof digits, "%020llu", static_cast<unsigned long long>(now_ns()));
  event.append(R"("choices":[{"index":0,"delta":{)").append(kStampMark).append(digits);
  event.append(R"( "},"finish_reason":null}]})").append("\n\n");
  append_chunk(out, event);
}

void append_end(std::string& out, std::uint32_t events, bool usage) {
  std::string event(kEventStart);
  event.append(R"("choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})").append("\n\n");
  append_chunk(out, event);
  if (usage) {
    event = std::string(kEventStart).append(R"("choices":[],"usage":{"prompt_tokens":200,)");
    event.append("\"completion_tokens\":").append(std::to_string(events));
    event.append(",\"total_tokens\":").append(std::to_string(200 + events)).append("}}\n\n");
    append_chunk(out, event);
  }
  append_chunk(out, "data: [DONE]\n\n");
  out.append("0\r\n\r\n");
}

struct Connection {
  int fd = -1;
  std::string in;
  std::string out;         // what the socket did not take yet
  bool answering = false;  // the next request waits in `in`
  bool stream = false;     // kind of the answer under way
  bool usage = false;
  std::uint32_t sent = 0;        // events of it
  std::uint64_t due = 0;         // when its next step is
  std::uint64_t generation = 0;  // changes when a planned step is void
};

struct Step {
  std::uint64_t at;
  Connection* connection;
  std::uint64_t generation;
  bool operator<(const Step& other) const { return at > other.at; }
};

class Engine {
 public:
  explicit Engine(const Options& options);
  [[noreturn]] void run();

 private:
  void accept_all();
  void on_event(Connection& connection, std::uint32_t events);
  bool read_all(Connection& connection);
  void take_requests(Connection& connection);
  void answer_get(Connection& connection, std::string_view head);
  void start_answer(Connection& connection, std::string_view body);
  void step(Connection& connection);
  void plan(Connection& connection, std::uint64_t at);
  void flush(Connection& connection);
  void drop(Connection& connection);
  void run_due_steps();
  [[nodiscard]] int wait(std::vector<epoll_event>& ready) const;

  const Options options_;
  const std::string completion_ = json_answer("200 OK", completion_body());
  const int listener_;
  const int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  std::priority_queue<Step> steps_;  // in the future
  std::deque<Step> immediate_;       // in turn, one event each
  std::vector<std::unique_ptr<Connection>>
      connections_;  // reused, never freed: events may point here
  std::vector<Connection*> free_;
  char buffer_[65'536];
};

Engine::Engine(const Options& options) : options_(options), listener_(listen_on(options.port)) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;
  epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event);
}

void Engine::accept_all() {
  for (;;) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      return;
    }
    const int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (free_.empty()) {
      free_.push_back(connections_.emplace_back(std::make_unique<Connection>()).get());
    }
    Connection* connection = free_.back();
    free_.pop_back();
    connection->fd = fd;
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.ptr = connection;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }
}

void Engine::drop(Connection& connection) {
  close(connection.fd);
  const std::uint64_t generation = connection.generation + 1;
  connection = Connection{};
  connection.generation = generation;
  free_.push_back(&connection);
}

void Engine::flush(Connection& connection) {
  while (!connection.out.empty()) {
    const ssize_t sent =
        send(connection.fd, connection.out.data(), connection.out.size(), MSG_NOSIGNAL);
    if (sent < 0) {
      return;  // full: EPOLLOUT follows; broken: EPOLLIN follows
    }
    connection.out.erase(0, static_cast<std::size_t>(sent));
  }
}

bool Engine::read_all(Connection& connection) {
  for (;;) {
    const ssize_t got = recv(connection.fd, buffer_, sizeof buffer_, 0);
    if (got < 0) {
      return errno == EAGAIN;
    }
    if (got == 0) {
      return false;
    }
    connection.in.append(buffer_, static_cast<std::size_t>(got));
    if (static_cast<std::size_t>(got) < sizeof buffer_) {
      return true;
    }
  }
}

void Engine::take_requests(Connection& connection) {
  while (!connection.answering) {
    const std::size_t end = connection.in.find("\r\n\r\n");
    if (end == std::string::npos) {
      return;
    }
    const std::string_view head = std::string_view(connection.in).substr(0, end);
    const std::string_view length = header(head, "content-length:");
    std::size_t body_size = 0;
    std::from_chars(length.data(), length.data() + length.size(), body_size);
    const std::size_t size = end + 4 + body_size;
    if (connection.in.size() < size) {
      return;
    }
    if (head.starts_with("POST ")) {
      start_answer(connection, std::string_view(connection.in).substr(end + 4, body_size));
    } else {
      answer_get(connection, head);
    }
    connection.in.erase(0, size);
  }
}

void Engine::answer_get(Connection& connection, std::string_view head) {
  if (head.starts_with("GET /health ")) {
    connection.out += json_answer("200 OK", R"({"status":"ok"})");
  } else if (head.starts_with("GET /v1/models ")) {
    connection.out += json_answer(
        "200 OK", R"({"object":"list","data":[{"id":"mock","object":"model","created":1700000000,)"
                  R"("owned_by":"bench"}]})");
  } else {
    connection.out += json_answer(
        "404 Not Found", R"({"error":{"message":"mock engine: no such path","code":"not_found"}})");
  }
  flush(connection);
}

void Engine::start_answer(Connection& connection, std::string_view body) {
  connection.stream = body.find("\"stream\":true") != body.npos;
  connection.usage = body.find("\"include_usage\":true") != body.npos;
  connection.sent = 0;
  connection.answering = true;
  connection.due = now_ns() + options_.first_ns;
  if (options_.first_ns > 0) {
    plan(connection, connection.due);
  } else {
    step(connection);
  }
}

void Engine::plan(Connection& connection, std::uint64_t at) {
  steps_.push({at, &connection, connection.generation});
}

// Sends what is due now of the answer under way, and plans the rest.
void Engine::step(Connection& connection) {
  if (!connection.stream) {
    connection.out += completion_;
    connection.answering = false;
    flush(connection);
    return;
  }
  if (connection.sent == 0) {
    connection.out += kStreamHead;
  }
  do {
    append_content(connection.out);
    ++connection.sent;
  } while (options_.one_write && connection.sent < options_.events);
  if (connection.sent >= options_.events) {
    append_end(connection.out, connection.sent, connection.usage);
    connection.answering = false;
    flush(connection);
    return;
  }
  flush(connection);
  if (options_.gap_ns > 0) {
    connection.due += options_.gap_ns;
    plan(connection, connection.due);
  } else {
    immediate_.push_back({0, &connection, connection.generation});
  }
}

void Engine::on_event(Connection& connection, std::uint32_t events) {
  if (connection.fd < 0) {
    return;
  }
  if ((events & EPOLLOUT) != 0) {
    flush(connection);
  }
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) == 0) {
    return;
  }
  if (!read_all(connection) || (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
    drop(connection);
    return;
  }
  take_requests(connection);
}

void Engine::run_due_steps() {
  constexpr std::size_t kFull = 65'536;  // a reader this far behind is not sent more
  for (std::size_t left = immediate_.size(); left > 0; --left) {
    const Step next = immediate_.front();
    immediate_.pop_front();
    if (next.generation != next.connection->generation) {
      continue;
    }
    if (next.connection->out.size() > kFull) {
      flush(*next.connection);
      immediate_.push_back(next);
      continue;
    }
    step(*next.connection);
    take_requests(*next.connection);
  }
  const std::uint64_t now = now_ns();
  while (!steps_.empty() && steps_.top().at <= now) {
    const Step next = steps_.top();
    steps_.pop();
    if (next.generation == next.connection->generation) {
      step(*next.connection);
      take_requests(*next.connection);
    }
  }
}

int Engine::wait(std::vector<epoll_event>& ready) const {
  timespec timeout{};
  const timespec* limit = &timeout;
  if (immediate_.empty() && steps_.empty()) {
    limit = nullptr;
  } else if (immediate_.empty()) {
    const std::uint64_t now = now_ns();
    const std::uint64_t left = steps_.top().at > now ? steps_.top().at - now : 0;
    timeout.tv_sec = static_cast<time_t>(left / 1'000'000'000u);
    timeout.tv_nsec = static_cast<long>(left % 1'000'000'000u);
  }
  return epoll_pwait2(epoll_, ready.data(), static_cast<int>(ready.size()), limit, nullptr);
}

void Engine::run() {
  std::vector<epoll_event> ready(1024);
  for (;;) {
    const int count = wait(ready);
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = ready[static_cast<std::size_t>(i)];
      if (event.data.ptr == nullptr) {
        accept_all();
      } else {
        on_event(*static_cast<Connection*>(event.data.ptr), event.events);
      }
    }
    run_due_steps();
  }
}

Options parse(int argc, char** argv) {
  const option names[] = {{"port", required_argument, nullptr, 'p'},
                          {"threads", required_argument, nullptr, 't'},
                          {"events", required_argument, nullptr, 'e'},
                          {"gap-us", required_argument, nullptr, 'g'},
                          {"first-us", required_argument, nullptr, 'f'},
                          {"one-write", no_argument, nullptr, 'o'},
                          {nullptr, 0, nullptr, 0}};
  Options options;
  for (int name = 0; (name = getopt_long(argc, argv, "", names, nullptr)) != -1;) {
    const unsigned long value = optarg == nullptr ? 0 : std::strtoul(optarg, nullptr, 10);
    switch (name) {
      case 'p':
        options.port = static_cast<std::uint16_t>(value);
        break;
      case 't':
        options.threads = static_cast<unsigned>(value);
        break;
      case 'e':
        options.events = static_cast<std::uint32_t>(value);
        break;
      case 'g':
        options.gap_ns = value * 1000;
        break;
      case 'f':
        options.first_ns = value * 1000;
        break;
      case 'o':
        options.one_write = true;
        break;
      default:
        std::exit(2);
    }
  }
  return options;
}

}  // namespace
}  // namespace tdn::bench

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  const tdn::bench::Options options = tdn::bench::parse(argc, argv);
  std::vector<std::thread> others;
  for (unsigned i = 1; i < options.threads; ++i) {
    others.emplace_back([&options] { std::make_unique<tdn::bench::Engine>(options)->run(); });
  }
  std::make_unique<tdn::bench::Engine>(options)->run();
}

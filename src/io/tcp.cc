#include "io/tcp.h"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "base/assert.h"
#include "base/log.h"

namespace tdn::io {
namespace {

using namespace std::chrono_literals;

static_assert(sizeof(Slice) == sizeof(iovec));
static_assert(offsetof(Slice, data) == offsetof(iovec, iov_base));
static_assert(offsetof(Slice, size) == offsetof(iovec, iov_len));

// Up to this size a message of several slices is copied into one piece: the kernel takes one buffer
// for less than a list of them, and the difference is larger than the copy.
constexpr std::size_t kGathered = 4096;

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = sizeof(sockaddr_storage);
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

SocketAddress to_socket_address(const Address& address) {
  SocketAddress out;
  if (address.is_v6) {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(out.storage);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(address.port);
    std::memcpy(&v6.sin6_addr, address.ip.data(), 16);
    out.size = sizeof v6;
  } else {
    auto& v4 = reinterpret_cast<sockaddr_in&>(out.storage);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(address.port);
    std::memcpy(&v4.sin_addr, address.ip.data(), 4);
    out.size = sizeof v4;
  }
  return out;
}

Address from_socket_address(const SocketAddress& from) {
  Address address;
  if (from.storage.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(from.storage);
    address.is_v6 = true;
    address.port = ntohs(v6.sin6_port);
    std::memcpy(address.ip.data(), &v6.sin6_addr, 16);
  } else {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(from.storage);
    address.port = ntohs(v4.sin_port);
    std::memcpy(address.ip.data(), &v4.sin_addr, 4);
  }
  return address;
}

void set_option(int fd, int level, int name, int value) {
  setsockopt(fd, level, name, &value, sizeof value);
}

class TcpStream final : public Stream, private EpollSource {
 public:
  // `connected` false: the connection is being made; writable when it is.
  TcpStream(EpollPoller& poller, int fd, bool connected) : poller_(poller), fd_(fd) {
    writable_ = connected;
    set_option(fd_, IPPROTO_TCP, TCP_NODELAY, 1);
    poller_.add(fd_, *this);
  }
  ~TcpStream() override { close(); }

  ssize_t try_read(std::span<char> buffer) override {
    while (true) {
      const ssize_t count = ::recv(fd_, buffer.data(), buffer.size(), 0);
      if (count > 0) {
        // A short read means drained: the next bytes bring a new edge. Not after the peer's end,
        // whose edge has been.
        if (static_cast<std::size_t>(count) < buffer.size() && !peer_finished_ && !peer_gone_) {
          readable_ = false;
        }
        if (many_small_reads_) {
          set_option(fd_, IPPROTO_TCP, TCP_QUICKACK, 0);
        }
        return count;
      }
      if (count == 0) {
        return kEnd;
      }
      if (errno == EINTR) {
        continue;
      }
      if (errno == EAGAIN) {
        readable_ = false;
        return kWouldBlock;
      }
      error_ = errno;
      return kFailed;
    }
  }

  ssize_t try_write(std::span<const Slice> slices) override {
    if (!writable_) {
      return kWouldBlock;
    }
    std::size_t offered = 0;
    for (const Slice& slice : slices) {
      offered += slice.size;
    }
    while (true) {
      const ssize_t count = send(slices, offered);
      if (count >= 0) {
        if (static_cast<std::size_t>(count) < offered) {
          writable_ = false;
        }
        return count;
      }
      if (errno == EINTR) {
        continue;
      }
      if (errno == EAGAIN) {
        writable_ = false;
        return kWouldBlock;
      }
      error_ = errno;
      return kFailed;
    }
  }

  void shutdown() override {
    if (fd_ >= 0) {
      ::shutdown(fd_, SHUT_WR);
    }
  }

  void close() override {
    if (fd_ >= 0) {
      poller_.remove(fd_, *this);
      ::close(std::exchange(fd_, -1));
    }
  }

  void abort() override {
    if (fd_ >= 0) {
      const linger reset{.l_onoff = 1, .l_linger = 0};
      setsockopt(fd_, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
      close();
    }
  }

  void expect_many_small_reads() override { many_small_reads_ = true; }

  [[nodiscard]] Error error() const override {
    return {Code::kClosed, fmt::format("connection lost: {}", std::strerror(error_))};  // NOLINT
  }

  [[nodiscard]] std::string peer() const override {
    SocketAddress from;
    if (getpeername(fd_, from.get(), &from.size) != 0) {
      return "gone";
    }
    return to_string(from_socket_address(from));
  }

  // After writable: 0, or why the connection could not be made.
  [[nodiscard]] int connect_error() const {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
    return error;
  }

 private:
  ssize_t send(std::span<const Slice> slices, std::size_t total) const {
    if (slices.size() == 1) {
      return ::send(fd_, slices[0].data, slices[0].size, MSG_NOSIGNAL);
    }
    if (total <= kGathered) {
      std::array<char, kGathered> buffer;
      char* at = buffer.data();
      for (const Slice& slice : slices) {
        if (slice.size > 0) {
          std::memcpy(at, slice.data, slice.size);
          at += slice.size;
        }
      }
      return ::send(fd_, buffer.data(), total, MSG_NOSIGNAL);
    }
    msghdr message{};
    message.msg_iov = reinterpret_cast<iovec*>(const_cast<Slice*>(slices.data()));  // NOLINT
    message.msg_iovlen = slices.size();
    return ::sendmsg(fd_, &message, MSG_NOSIGNAL);
  }

  void on_ready(Readiness ready) override {
    if (ready.writable) {
      notify_writable();
    }
    if (ready.finished) {
      notify_finished();
    }
    if (ready.gone) {
      notify_gone();
    } else if (ready.readable) {
      notify_readable();
    }
  }

  EpollPoller& poller_;
  int fd_;
  int error_ = ECONNRESET;
  bool many_small_reads_ = false;
};

class TcpListener final : public Listener, private EpollSource {
 public:
  TcpListener(Loop& loop, EpollPoller& poller, int fd, const Address& address)
      : loop_(loop), poller_(poller), fd_(fd), address_(address) {
    poller_.add(fd_, *this);
  }
  ~TcpListener() override { close(); }

  Task<Result<std::unique_ptr<Stream>>> accept() override {
    while (fd_ >= 0) {
      const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd >= 0) {
        co_return std::unique_ptr<Stream>(std::make_unique<TcpStream>(poller_, fd, true));
      }
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        tell_pause(errno);
        TDN_CO_TRY_VOID(to_result(co_await sleep_until(loop_.now() + 50ms), "accepting"));
        continue;
      }
      if (errno == EINTR || errno == ECONNABORTED || errno == EPROTO) {
        continue;
      }
      TDN_CO_TRY_VOID(to_result(co_await arrived_.wait(), "accepting"));
    }
    co_return fail(Code::kClosed, "the listener was closed");
  }

  void close() override {
    if (fd_ >= 0) {
      poller_.remove(fd_, *this);
      ::close(std::exchange(fd_, -1));
      arrived_.set();
    }
  }
  [[nodiscard]] Address address() const override { return address_; }
  [[nodiscard]] std::uint64_t pauses() const override { return pauses_; }

 private:
  static constexpr Duration kTellEvery = 60s;

  void on_ready(Readiness) override { arrived_.set(); }

  // Whoever waits outside hears nothing: the log must say why, and that it lasts.
  void tell_pause(int error) {
    ++pauses_;
    if (told_ && loop_.now() - *told_ < kTellEvery) {
      return;
    }
    told_ = loop_.now();
    log_warning("io", "new connections wait: out of descriptors or memory; raise `ulimit -n`",
                {{"listening", to_string(address_)},
                 {"reason", std::strerror(error)}});  // NOLINT(concurrency-mt-unsafe)
  }

  Loop& loop_;
  EpollPoller& poller_;
  int fd_;
  Address address_;
  Event arrived_;
  std::uint64_t pauses_ = 0;
  std::optional<Instant> told_;
};

Error refused(const Address& to, int error) {
  return {Code::kUnavailable,
          fmt::format("cannot connect to {}: {}", to_string(to), std::strerror(error))};  // NOLINT
}

// Nothing is said of the other side: it is this process that has no more.
Error no_socket(const Address& to, int error) {
  return {Code::kOverloaded,
          fmt::format("no connection to {} can be made: {}; raise the limit of open files",
                      to_string(to), std::strerror(error))};  // NOLINT(concurrency-mt-unsafe)
}

}  // namespace

Task<Result<std::unique_ptr<Stream>>> TcpNetwork::connect(Address to) {
  const int fd =
      ::socket(to.is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    co_return fail(no_socket(to, errno));
  }
  SocketAddress address = to_socket_address(to);
  const int failed = ::connect(fd, address.get(), address.size) == 0 ? 0 : errno;
  if (failed != 0 && failed != EINPROGRESS) {
    ::close(fd);
    co_return fail(failed == EADDRNOTAVAIL || failed == EAGAIN ? no_socket(to, failed)
                                                               : refused(to, failed));
  }
  auto stream = std::make_unique<TcpStream>(poller_, fd, failed == 0);
  if (failed == EINPROGRESS) {
    TDN_CO_TRY_VOID(to_result(co_await stream->writable(), "connecting to " + to_string(to)));
    if (const int error = stream->connect_error(); error != 0) {
      co_return fail(refused(to, error));
    }
  }
  co_return std::unique_ptr<Stream>(std::move(stream));
}

Result<std::unique_ptr<Listener>> TcpNetwork::listen(Address at, bool shared) {
  const int fd =
      ::socket(at.is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    return fail(Code::kUnavailable, fmt::format("no socket for {}: {}", to_string(at),
                                                std::strerror(errno)));  // NOLINT
  }
  set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (shared) {
    set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
  }
  SocketAddress address = to_socket_address(at);
  if (::bind(fd, address.get(), address.size) != 0 || ::listen(fd, 4096) != 0) {
    const int error = errno;
    ::close(fd);
    const char* remedy = error == EADDRINUSE
                             ? "; another program uses this port: stop it or choose another port"
                             : "";
    return fail(Code::kUnavailable, fmt::format("cannot listen on {}: {}{}", to_string(at),
                                                std::strerror(error), remedy));  // NOLINT
  }
  SocketAddress bound;
  TDN_ASSERT(getsockname(fd, bound.get(), &bound.size) == 0);
  return std::unique_ptr<Listener>(
      std::make_unique<TcpListener>(loop_, poller_, fd, from_socket_address(bound)));
}

namespace {

Result<Address> look_up(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int failed = getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (failed != 0) {
    return fail(Code::kUnavailable,
                fmt::format("cannot resolve '{}': {}", host, gai_strerror(failed)));
  }
  TDN_ASSERT(list != nullptr);
  const addrinfo* best = list;
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    if (entry->ai_family == AF_INET) {
      best = entry;
      break;
    }
  }
  SocketAddress address;
  std::memcpy(&address.storage, best->ai_addr, best->ai_addrlen);
  freeaddrinfo(list);
  Address result = from_socket_address(address);
  result.port = port;
  return result;
}

}  // namespace

Task<Result<Address>> TcpNetwork::resolve(std::string host, std::uint16_t port) {
  if (const Result<Address> number = Address::parse(fmt::format("{}:{}", host, port))) {
    co_return *number;
  }
  std::function<Result<Address>()> job = [host, port] { return look_up(host, port); };
  co_return co_await pool_.run<Address>(std::move(job), loop_);
}

}  // namespace tdn::io

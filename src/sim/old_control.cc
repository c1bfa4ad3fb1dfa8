#include "sim/old_control.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "base/assert.h"
#include "io/event.h"
#include "protocol/watch.h"
#include "sim/detail/message_reader.h"

namespace tdn::sim {
namespace {

constexpr std::string_view kSections = "/edge/v1/sections/";

std::string whole(int status, std::string_view body) {
  return fmt::format(
      "HTTP/1.1 {} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{}", status,
      body.size(), body);
}

}  // namespace

OldControl::OldControl(io::Loop& loop, io::Network& network, const io::Address& at)
    : tasks_(loop), connections_(loop) {
  Result<std::unique_ptr<io::Listener>> listener = network.listen(at, false);
  TDN_ASSERT(listener.has_value());
  listener_ = std::move(*listener);
}

void OldControl::stop() {
  listener_->close();
  tasks_.cancel();
  connections_.cancel();
}

void OldControl::hang_up() { connections_.cancel(); }

io::Task<> OldControl::accept_loop() {
  while (true) {
    Result<std::unique_ptr<io::Stream>> stream = co_await listener_->accept();
    if (!stream) {
      co_return;
    }
    connections_.spawn(serve(std::move(*stream)));
  }
}

std::string OldControl::answer_to(std::string_view path) const {
  if (path.starts_with(kSections)) {
    const auto section = snapshot_->sections.find(std::string(path.substr(kSections.size())));
    return section == snapshot_->sections.end() ? whole(404, "{}") : whole(200, *section->second);
  }
  return whole(503, "{}");
}

io::Task<> OldControl::serve(std::unique_ptr<io::Stream> stream) {
  MessageReader reader(*stream);
  while (true) {
    codec::RequestParser parser;
    const Result<bool> arrived = co_await reader.read_head(parser);
    if (!arrived || !*arrived) {
      co_return;
    }
    const std::string path(parser.head().path());
    codec::BodyDecoder decoder(parser.head().framing(), Code::kInvalidRequest);
    const Result<std::string> body = co_await reader.read_body(decoder);
    if (!body) {
      co_return;
    }
    const bool watches = path == "/edge/v1/watch";
    const std::string bytes =
        watches
            ? "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n" +
                  protocol::to_sse(protocol::SnapshotOffered{snapshot_->envelope})
            : answer_to(path);
    if (!co_await io::write_all(*stream, bytes)) {
      co_return;
    }
    if (watches) {  // says nothing more, until somebody hangs up
      std::array<char, 64> buffer;
      [[maybe_unused]] const auto more = co_await io::read_some(*stream, buffer);
      co_return;
    }
  }
}

}  // namespace tdn::sim

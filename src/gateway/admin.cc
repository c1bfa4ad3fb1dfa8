#include "gateway/admin.h"

namespace tdn::gateway {
namespace {

io::Task<> say(http::ServerConnection& client, int status, std::string text,
               std::string_view type = "text/plain; charset=utf-8") {
  http::Answer answer;
  answer.status = status;
  answer.content_type = type;
  answer.body = text;
  const Result<void> sent = co_await client.respond(answer);
  if (!sent) {
    client.abort();
  }
}

}  // namespace

io::Task<> Admin::handle(http::ServerConnection& client) {
  const std::string path(client.head().path());
  const std::string_view method = client.head().method();
  if (method != "GET" && method != "HEAD") {
    co_await say(client, 405, "the admin listener takes GET\n");
  } else if (path == "/healthz") {
    co_await say(client, 200, "ok\n");
  } else if (path == "/readyz") {
    const Result<void> ready = source_.ready();
    co_await say(client, ready ? 200 : 503, ready ? "ok\n" : ready.error().detail() + "\n");
  } else if (path == "/metrics") {
    std::string text = co_await source_.metrics();
    co_await say(client, 200, std::move(text), "text/plain; version=0.0.4; charset=utf-8");
  } else {
    co_await say(client, 404, "there are /healthz, /readyz and /metrics\n");
  }
}

io::Task<> Admin::refuse(http::ServerConnection& client, Error error) {
  co_await say(client, info(error.code()).status, error.detail() + "\n");
}

}  // namespace tdn::gateway

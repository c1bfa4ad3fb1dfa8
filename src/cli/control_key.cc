#include "cli/control_key.h"

#include <fmt/format.h>

#include <ostream>

#include "client/change.h"
#include "codec/json_writer.h"

namespace tdn::cli {
namespace {

using codec::yaml::Node;

// Control answers within five seconds even if edges are late.
constexpr Duration kKeyPatience = std::chrono::seconds(30);

std::string path_to(std::string_view name, std::string_view action) {
  return fmt::format("/api/v1/keys/{}/{}", client::escape_path(name), action);
}

}  // namespace

io::Task<int> key_issue(client::ControlClient& control, KeyIssueOptions options, Screen screen) {
  const Result<Node> answer =
      co_await control.post(path_to(options.name, "issue"), "{}", kKeyPatience);
  if (!answer) {
    co_return tell_failure(screen, "key issue", answer.error());
  }
  const Result<client::IssuedKey> issued = client::read_issued_key(*answer);
  if (!issued) {
    co_return tell_failure(screen, "key issue", issued.error());
  }
  if (options.json) {
    screen.out << codec::yaml::to_json(*answer);
    co_return 0;
  }
  screen.out << fmt::format("{}\nsecret {} of {}; it is shown this once\n", issued->key.reveal(),
                            issued->id, options.name);
  tell_acknowledgements(screen.out, issued->change, screen.colours);
  co_return 0;
}

io::Task<int> key_revoke(client::ControlClient& control, KeyRevokeOptions options, Screen screen) {
  std::string body;
  codec::JsonWriter json(body);
  json.begin_object();
  if (!options.id.empty()) {
    json.key("id").string(options.id);
  }
  json.end_object();
  const Result<Node> answer =
      co_await control.post(path_to(options.name, "revoke"), std::move(body), kKeyPatience);
  if (!answer) {
    co_return tell_failure(screen, "key revoke", answer.error());
  }
  const Result<client::Change> change = client::read_change(*answer);
  if (!change) {
    co_return tell_failure(screen, "key revoke", change.error());
  }
  if (options.json) {
    screen.out << codec::yaml::to_json(*answer);
    co_return 0;
  }
  screen.out << fmt::format(
      "{} of {} revoked\n",
      options.id.empty() ? std::string("every secret") : fmt::format("secret {}", options.id),
      options.name);
  tell_acknowledgements(screen.out, *change, screen.colours);
  co_return 0;
}

}  // namespace tdn::cli

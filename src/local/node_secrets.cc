#include "local/node_secrets.h"

#include <fmt/format.h>

#include <array>

#include "codec/hex.h"
#include "codec/json_writer.h"
#include "codec/sha256.h"
#include "codec/text_numbers.h"
#include "local/files.h"

namespace tdn::local {
namespace {

constexpr std::size_t kWidth = 43;  // base62 characters of 32 bytes

Result<Secret> secret_of(const std::string& path, Random& random) {
  Result<std::string> text = read_text(path);
  if (!text && text.error().code() == Code::kMissing) {
    std::array<std::uint8_t, 32> bytes{};
    random.fill(std::as_writable_bytes(std::span(bytes)));
    Secret made(codec::to_base62(bytes, kWidth));
    TDN_TRY_VOID(write_private(path, made.reveal() + "\n"));
    return made;
  }
  if (!text) {
    return fail(std::move(text).error());
  }
  while (text->ends_with('\n')) {
    text->pop_back();
  }
  if (text->size() != kWidth) {
    return fail(Code::kInvalid,
                fmt::format("{} holds no node secret: remove it to get a new one", path));
  }
  return Secret(*std::move(text));
}

}  // namespace

std::string node_secret_file(const StateFolder& state, std::string_view site) {
  return state.file(fmt::format("sites/{}/node-secret", site));
}

Result<void> put_node_secrets(const StateFolder& state, const std::vector<std::string>& sites,
                              Random& random) {
  std::string list;
  codec::JsonWriter json(list);
  json.begin_object().key("nodes").begin_array();
  for (const std::string& site : sites) {
    TDN_TRY_VOID(make_folder(state.file("sites/" + site)));
    TDN_TRY(const Secret secret, secret_of(node_secret_file(state, site), random));
    json.begin_object().key("site").string(site).key("sha256");
    json.string(codec::to_hex(codec::sha256(bytes_of(secret.reveal())))).end_object();
  }
  json.end_array().end_object();
  TDN_TRY_VOID(make_folder(state.file("control")));
  return write_private(state.file("control/nodes.json"), list + "\n");
}

}  // namespace tdn::local

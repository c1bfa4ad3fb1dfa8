#include "local/user_secret.h"

#include <fmt/format.h>

#include <span>

#include "codec/hex.h"
#include "local/files.h"

namespace tdn::local {

Result<codec::Digest> open_user_secret(const std::string& state, Random& random) {
  const std::string path = state + "/user-secret";
  codec::Digest secret{};
  Result<std::string> text = read_text(path);
  if (!text && text.error().code() == Code::kMissing) {
    random.fill(std::as_writable_bytes(std::span(secret)));
    TDN_TRY_VOID(make_folder(state));
    TDN_TRY_VOID(write_private(path, codec::to_hex(secret) + "\n"));
    return secret;
  }
  if (!text) {
    return fail(std::move(text).error());
  }
  while (!text->empty() && text->back() == '\n') {
    text->pop_back();
  }
  if (!codec::from_hex(*text, secret)) {
    return fail(
        Code::kInvalid,
        fmt::format("{} does not hold 64 hex digits; restore it, or remove it to have a new "
                    "one made",
                    path));
  }
  return secret;
}

}  // namespace tdn::local

#include "control/state_folder.h"

#include <fmt/format.h>

#include <charconv>

#include "codec/base64.h"
#include "codec/hex.h"
#include "codec/text_numbers.h"

namespace tdn::control {
namespace {

std::string_view without_end(std::string_view text) {
  return text.ends_with('\n') ? text.substr(0, text.size() - 1) : text;
}

// "7 12".
std::optional<protocol::SnapshotOrder> parse_order(std::string_view text) {
  protocol::SnapshotOrder order;
  const char* end = text.data() + text.size();
  const auto epoch = std::from_chars(text.data(), end, order.control_epoch);
  if (epoch.ec != std::errc() || epoch.ptr == end || *epoch.ptr != ' ') {
    return std::nullopt;
  }
  const auto version = std::from_chars(epoch.ptr + 1, end, order.version);
  if (version.ec != std::errc() || version.ptr != end) {
    return std::nullopt;
  }
  return order;
}

}  // namespace

Result<StateFolder> StateFolder::open(std::string path, io::Disk& disk, Random& random) {
  TDN_TRY_VOID(disk.make_dir(path));
  return StateFolder(std::move(path), disk, random);
}

std::string StateFolder::file(std::string_view name) const {
  return fmt::format("{}/{}", path_, name);
}

Result<std::optional<std::string>> StateFolder::read(const std::string& path) const {
  auto bytes = io::read_file(*disk_, path);
  if (!bytes && bytes.error().code() == Code::kMissing) {
    return std::nullopt;
  }
  TDN_TRY_VOID(bytes.map([](const auto&) {}));
  return std::string(text_of(*bytes));
}

Result<void> StateFolder::write(std::string_view name, std::string_view text) const {
  return io::replace_file(*disk_, file(name), bytes_of(text));
}

template <class Make>
Result<std::string> StateFolder::read_or_make(std::string_view name, Make make) const {
  TDN_TRY(const std::optional<std::string> text, read(file(name)));
  if (text) {
    return std::string(without_end(*text));
  }
  std::string made = make();
  TDN_TRY_VOID(write(name, made + "\n"));
  return made;
}

Result<codec::Ed25519Key> StateFolder::signing_key() const {
  TDN_TRY(const std::string text, read_or_make("signing-key", [this] {
            return codec::to_base64(codec::Ed25519Key::make(*random_).seed());
          }));
  const auto bytes = codec::from_base64(text);
  codec::Ed25519Key::Seed seed{};
  if (!bytes || bytes->size() != seed.size()) {
    return fail(Code::kCorrupt,
                fmt::format("{}: is no base64 of 32 bytes; restore it from a backup: edges trust "
                            "no other key",
                            file("signing-key")));
  }
  std::ranges::copy(*bytes, seed.begin());
  return codec::Ed25519Key(seed);
}

Result<Secret> StateFolder::operator_token() const {
  TDN_TRY(std::string text, read_or_make("operator-token", [this] {
            std::array<std::uint8_t, 32> bytes{};
            random_->fill(std::as_writable_bytes(std::span(bytes)));
            return codec::to_base62(bytes, 43);
          }));
  constexpr std::size_t kShortest = 20;
  if (text.size() < kShortest) {
    return fail(Code::kInvalid,
                fmt::format("{}: holds no token; remove it to have one made, or write at least {} "
                            "characters",
                            file("operator-token"), kShortest));
  }
  return Secret(std::move(text));
}

Result<std::vector<NetworkSecret>> StateFolder::network_secrets() const {
  TDN_TRY(const std::string text, read_or_make("network-secret", [this] {
            return std::string(without_end(to_text(rotated({}, *random_))));
          }));
  return parse_network_secrets(text, file("network-secret"));
}

Result<std::vector<NetworkSecret>> StateFolder::rotate_network_secret() const {
  TDN_TRY(std::vector<NetworkSecret> secrets, network_secrets());
  secrets = rotated(std::move(secrets), *random_);
  TDN_TRY_VOID(write("network-secret", to_text(secrets)));
  return secrets;
}

Result<codec::Digest> StateFolder::user_secret() const {
  codec::Digest secret{};
  TDN_TRY(const std::string text, read_or_make("user-secret", [&] {
            random_->fill(std::as_writable_bytes(std::span(secret)));
            return codec::to_hex(secret);
          }));
  if (!codec::from_hex(text, std::span(secret))) {
    return fail(Code::kCorrupt,
                fmt::format("{}: is no 64 hex digits; restore it from a backup, or remove it: then "
                            "users seem to be others than before",
                            file("user-secret")));
  }
  return secret;
}

Result<Nodes> StateFolder::nodes(const std::string& path) const {
  const std::string from = path.empty() ? file("nodes.json") : path;
  TDN_TRY(const std::optional<std::string> text, read(from));
  if (!text) {
    return Nodes();
  }
  return Nodes::parse(*text, from);
}

Result<std::optional<protocol::SnapshotOrder>> StateFolder::published() const {
  TDN_TRY(const std::optional<std::string> text, read(file("published")));
  if (!text) {
    return std::nullopt;
  }
  const auto order = parse_order(without_end(*text));
  if (!order) {
    return fail(Code::kCorrupt, fmt::format("{}: is no pair of numbers; remove it, then a new "
                                            "control epoch begins",
                                            file("published")));
  }
  return order;
}

Result<void> StateFolder::remember_published(const protocol::SnapshotOrder& order) const {
  return write("published", fmt::format("{} {}\n", order.control_epoch, order.version));
}

}  // namespace tdn::control

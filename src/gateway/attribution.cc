#include "gateway/attribution.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace tdn::gateway {
namespace {

constexpr std::string_view kDomain{"tdn-user-v1\0", 12};

bool is_tag(std::string_view text) {
  return !text.empty() && text.size() <= kMostTagBytes && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '=' ||
           c == '-';
  });
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  return begin == std::string_view::npos
             ? std::string_view()
             : text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

// What may be shown in an error: printable ASCII, not long.
std::string shown(std::string_view text) {
  std::string harmless(text.substr(0, kMostTagBytes));
  std::ranges::replace_if(harmless, [](char c) { return c < 0x20 || c >= 0x7f; }, '?');
  return harmless;
}

tl::unexpected<Error> bad(std::string detail) {
  return fail(Error(Code::kInvalidRequest, std::move(detail)).about("tdn-tags"));
}

}  // namespace

codec::Digest UserHasher::hash(const Uid& tenant, std::string_view user) const {
  const std::array<ByteView, 2> pieces{bytes_of(kDomain), ByteView(tenant.bytes)};
  const codec::Digest key = secret_.of(pieces);
  return codec::hmac_sha256(key, bytes_of(user));
}

Result<void> add_tags(std::string_view field, std::vector<std::string>& tags) {
  for (std::size_t from = 0; from <= field.size();) {
    const std::size_t comma = std::min(field.find(',', from), field.size());
    const std::string_view tag = trimmed(field.substr(from, comma - from));
    from = comma + 1;
    if (!is_tag(tag)) {
      return bad(fmt::format("tdn-tags: '{}' is no tag; a tag is 1 to {} of a-z 0-9 . _ = -",
                             shown(tag), kMostTagBytes));
    }
    if (std::ranges::find(tags, tag) != tags.end()) {
      continue;
    }
    if (tags.size() == kMostTags) {
      return bad(fmt::format("tdn-tags: '{}' is one tag more than {}", tag, kMostTags));
    }
    tags.emplace_back(tag);
  }
  return {};
}

}  // namespace tdn::gateway

#include "domain/api_key.h"

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "codec/crc32c.h"
#include "codec/hex.h"
#include "codec/text_numbers.h"

namespace tdn::domain {
namespace {

constexpr std::string_view kExampleKey =
    "sk-tdn-jhvry0xfy6-6Rs4Nxgdz8n9fugVEUZqL3xORLC3DnD5bFVBdBSVIt7-4fEoXF";
constexpr std::string_view kExampleSha256 =
    "a61d1ae3fb91e4369d436585d8bd8d489f83357829b64d999e0edd496e500035";

codec::Digest digest(std::string_view hex) {
  codec::Digest result{};
  EXPECT_TRUE(codec::from_hex(hex, result));
  return result;
}

TEST(ApiKey, TheWorkedExampleHolds) {
  const auto id = parse_api_key(kExampleKey);
  ASSERT_TRUE(id.has_value());
  EXPECT_EQ(id->to_string(), "jhvry0xfy6");
  EXPECT_TRUE(verify_api_key(kExampleKey, digest(kExampleSha256)));
  // Its secret is the SHA-256 of `bench`.
  EXPECT_EQ(kExampleKey.substr(18, 43), codec::to_base62(codec::sha256(bytes_of("bench")), 43));
}

TEST(ApiKey, EveryMadeKeyIsAccepted) {
  SeededRandom random(1);
  for (int i = 0; i < 200; ++i) {
    const NewApiKey key = make_api_key(random);
    EXPECT_EQ(key.text.size(), kExampleKey.size());
    EXPECT_EQ(parse_api_key(key.text), key.id);
    EXPECT_TRUE(verify_api_key(key.text, key.sha256));
    EXPECT_FALSE(verify_api_key(kExampleKey, key.sha256));
  }
}

TEST(ApiKey, AnyChangedCharacterIsNoticed) {
  for (std::size_t i = 0; i < kExampleKey.size(); ++i) {
    std::string changed(kExampleKey);
    changed[i] = changed[i] == 'a' ? 'b' : 'a';
    EXPECT_FALSE(parse_api_key(changed).has_value()) << i;
  }
}

TEST(ApiKey, OtherFormsAreRefused) {
  EXPECT_FALSE(parse_api_key("").has_value());
  EXPECT_FALSE(parse_api_key("sk-proj-0123456789").has_value());
  EXPECT_FALSE(parse_api_key(std::string(kExampleKey) + "0").has_value());
  EXPECT_FALSE(parse_api_key(kExampleKey.substr(0, 67)).has_value());
  // A right checksum does not excuse a foreign character in the id.
  std::string body(kExampleKey.substr(0, 61));
  body[7] = 'U';
  const std::uint32_t crc = codec::crc32c(bytes_of(body));
  const std::array<std::uint8_t, 4> number = {
      static_cast<std::uint8_t>(crc >> 24), static_cast<std::uint8_t>(crc >> 16),
      static_cast<std::uint8_t>(crc >> 8), static_cast<std::uint8_t>(crc)};
  EXPECT_FALSE(parse_api_key(body + "-" + codec::to_base62(number, 6)).has_value());
}

TEST(KeyId, ReadsBackAsPrinted) {
  for (const char* text : {"0000000000", "zzzzzzzzzz", "4k7m2q9xwd"}) {
    EXPECT_EQ(KeyId::parse(text)->to_string(), text);
  }
  for (const char* text : {"", "000000000", "00000000000", "000000000O", "000000000i"}) {
    EXPECT_FALSE(KeyId::parse(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace tdn::domain

#include "codec/ed25519.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "codec/base64.h"
#include "codec/hex.h"

namespace tdn::codec {
namespace {

struct Vector {
  std::string_view seed, public_key, message, signature;
};

// RFC 8032 §7.1, tests 1 to 3.
constexpr Vector kVectors[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9"
     "b46bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f1"
     "1d8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984d"
     "c6594a7c15e9716ed28dc027beceea1ec40a"},
};

template <class Array>
Array bytes(std::string_view hex) {
  Array array{};
  EXPECT_TRUE(from_hex(hex, array));
  return array;
}

TEST(Ed25519, gives_the_signatures_of_the_rfc) {
  for (const Vector& vector : kVectors) {
    const Ed25519Key key(bytes<Ed25519Key::Seed>(vector.seed));
    EXPECT_EQ(to_hex(key.public_key()), vector.public_key);
    const auto message = from_hex(vector.message).value();
    EXPECT_EQ(to_hex(key.sign(message)), vector.signature);
    EXPECT_TRUE(
        ed25519_verify(key.public_key(), message, bytes<Ed25519Signature>(vector.signature)));
  }
}

TEST(Ed25519, a_change_of_any_bit_of_message_signature_or_key_is_noticed) {
  SeededRandom random(1);
  const Ed25519Key key = Ed25519Key::make(random);
  std::array<std::uint8_t, 40> message{};
  const Ed25519Signature signature = key.sign(message);
  ASSERT_TRUE(ed25519_verify(key.public_key(), message, signature));
  for (std::size_t bit = 0; bit < message.size() * 8; bit += 7) {
    auto other = message;
    other[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    EXPECT_FALSE(ed25519_verify(key.public_key(), other, signature)) << bit;
  }
  for (std::size_t bit = 0; bit < signature.size() * 8; ++bit) {
    auto other = signature;
    other[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    EXPECT_FALSE(ed25519_verify(key.public_key(), message, other)) << bit;
  }
  for (std::size_t bit = 0; bit < 256; ++bit) {
    auto other = key.public_key();
    other[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    EXPECT_FALSE(ed25519_verify(other, message, signature)) << bit;
  }
}

TEST(Ed25519, keys_are_made_at_random_and_read_back_from_their_seed) {
  SeededRandom random(2);
  const Ed25519Key one = Ed25519Key::make(random);
  const Ed25519Key two = Ed25519Key::make(random);
  EXPECT_NE(one.public_key(), two.public_key());
  EXPECT_EQ(Ed25519Key(one.seed()).public_key(), one.public_key());
}

TEST(Ed25519, a_public_key_as_text_is_base64_of_exactly_32_bytes) {
  const Ed25519Key key(bytes<Ed25519Key::Seed>(kVectors[0].seed));
  const std::string text = to_base64(key.public_key());
  EXPECT_EQ(parse_ed25519_public_key(text), key.public_key());
  EXPECT_EQ(parse_ed25519_public_key(text.substr(0, 40)), std::nullopt);
  EXPECT_EQ(parse_ed25519_public_key(text + "AAAA"), std::nullopt);
  EXPECT_EQ(parse_ed25519_public_key("?" + text.substr(1)), std::nullopt);
}

}  // namespace
}  // namespace tdn::codec

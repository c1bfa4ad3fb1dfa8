#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cctype>
#include <string>
#include <vector>

#include "base/random.h"
#include "codec/base64.h"
#include "codec/crc32c.h"
#include "codec/hex.h"
#include "codec/hmac.h"
#include "codec/packed.h"
#include "codec/sha256.h"
#include "codec/text_numbers.h"

namespace tdn::codec {
namespace {

TEST(Hex, RoundTripsAndRefusesOddLengthsAndForeignCharacters) {
  EXPECT_EQ(to_hex(bytes_of("\x01\xfe")), "01fe");
  EXPECT_EQ(from_hex("01FE"), (std::vector<std::uint8_t>{1, 254}));
  EXPECT_EQ(from_hex("01f"), std::nullopt);
  EXPECT_EQ(from_hex("0g"), std::nullopt);
  EXPECT_EQ(hex_number(0xab, 8), "000000ab");
  std::array<std::uint8_t, 2> two{};
  EXPECT_FALSE(from_hex("010203", two));
}

// RFC 4648 §10.
TEST(Base64, MatchesTheVectorsOfTheRfc) {
  EXPECT_EQ(to_base64(bytes_of("")), "");
  EXPECT_EQ(to_base64(bytes_of("f")), "Zg==");
  EXPECT_EQ(to_base64(bytes_of("fo")), "Zm8=");
  EXPECT_EQ(to_base64(bytes_of("foo")), "Zm9v");
  EXPECT_EQ(to_base64(bytes_of("foobar")), "Zm9vYmFy");
  EXPECT_EQ(to_base64url(bytes_of("\xfb\xff")), "-_8");
}

TEST(Base64, RefusesEveryTextThatTheEncoderWouldNotWrite) {
  for (const char* text :
       {"Zg", "Zg=", "Zh==", "Zm9", "Zm8=\n", "Z g=", "Zg==Zg==", "=", "====", "Zm-_", "Z==="}) {
    EXPECT_EQ(from_base64(text), std::nullopt) << text;
  }
  for (const char* text : {"Zg==", "Zh", "Z", "Zm9+", "Zm 8"}) {
    EXPECT_EQ(from_base64url(text), std::nullopt) << text;
  }
}

// Wherever it stands: sixteen characters are looked at at once.
TEST(Base64, RefusesEveryForeignCharacterAtEveryPlace) {
  const std::string good(40, 'A');
  ASSERT_TRUE(from_base64(good) && from_base64url(good));
  const auto is_own = [](int c, std::string_view two) {
    return std::isalnum(c) != 0 || two.find(static_cast<char>(c)) != std::string_view::npos;
  };
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (int c = 0; c < 256; ++c) {
      std::string text = good;
      text[at] = static_cast<char>(c);
      const bool padding = c == '=' && at + 1 == good.size();
      EXPECT_EQ(from_base64(text).has_value(), padding || is_own(c, "+/")) << c << " at " << at;
      EXPECT_EQ(from_base64url(text).has_value(), is_own(c, "-_")) << c << " at " << at;
    }
  }
}

RC_GTEST_PROP(Base64, DecodesWhatItEncodes, (const std::vector<std::uint8_t>& bytes)) {
  RC_ASSERT(from_base64(to_base64(bytes)) == bytes);
  std::vector<char> text(base64url_size(bytes.size()));
  RC_ASSERT(put_base64url(bytes, text.data()) == text.data() + text.size());
  RC_ASSERT(std::string_view(text.data(), text.size()) == to_base64url(bytes));
  std::vector<std::uint8_t> room(bytes.size());
  const auto back = from_base64url({text.data(), text.size()}, room);
  RC_ASSERT(back && std::equal(back->begin(), back->end(), bytes.begin(), bytes.end()));
  RC_ASSERT(bytes.empty() ||
            !from_base64url({text.data(), text.size()}, std::span(room).first(bytes.size() - 1)));
  RC_ASSERT(from_base64url(to_base64url(bytes)) == bytes);
}

RC_GTEST_PROP(Base64, AcceptsOnlyCanonicalText, (const std::string& text)) {
  const auto bytes = from_base64url(text);
  if (bytes) {
    RC_ASSERT(to_base64url(*bytes) == text);
  }
}

// Long enough for the vectors, at every length beside them.
TEST(Base64, EncodesManyBytesAsItEncodesFew) {
  std::vector<std::uint8_t> bytes;
  std::string expected;
  for (unsigned i = 0; i < 1'000; ++i) {
    bytes.push_back(static_cast<std::uint8_t>(i * 89 + i / 256));
    const std::size_t whole = bytes.size() / 3 * 3;
    if (whole == bytes.size()) {
      expected += to_base64(ByteView(bytes).last(3));
    }
    ASSERT_EQ(to_base64url(ByteView(bytes).first(whole)).size(), expected.size());
    ASSERT_EQ(to_base64(ByteView(bytes).first(whole)), expected);
    std::string appended = "x";
    append_base64(appended, bytes);
    ASSERT_EQ(appended.size(), 1 + base64_size(bytes.size()));
    ASSERT_EQ(from_base64(appended.substr(1)), bytes);
    ASSERT_EQ(from_base64url(to_base64url(bytes)), bytes);
  }
}

TEST(Packed, ComesOutAsItWentIn) {
  std::vector<std::uint8_t> packed;
  const std::string long_one(65'536, 'x');
  pack(packed, bytes_of("a"));
  pack(packed, bytes_of(long_one));
  ByteView rest = packed;
  EXPECT_EQ(text_of(**unpack(rest)), "a");
  EXPECT_EQ(text_of(**unpack(rest)), long_one);
  const auto end = unpack(rest);
  ASSERT_TRUE(end.has_value());
  EXPECT_FALSE(end->has_value());
}

TEST(Packed, IsNoticedToBeCutShortWhereverTheCutIs) {
  std::vector<std::uint8_t> packed;
  pack(packed, bytes_of("abcdef"));
  for (std::size_t size = 1; size < packed.size(); ++size) {
    ByteView rest = ByteView(packed).first(size);
    EXPECT_FALSE(unpack(rest).has_value()) << size;
  }
  const std::vector<std::uint8_t> empty(4, 0);
  ByteView rest = empty;
  EXPECT_FALSE(unpack(rest).has_value());
}

TEST(Crc32c, MatchesTheVectorsOfRfc3720) {
  EXPECT_EQ(crc32c(bytes_of("123456789")), 0xe3069283U);
  EXPECT_EQ(crc32c(std::vector<std::uint8_t>(32, 0)), 0x8a9136aaU);
  EXPECT_EQ(crc32c(std::vector<std::uint8_t>(32, 0xff)), 0x62a8ab43U);
}

RC_GTEST_PROP(Crc32c, FastAndSlowAgreeAndPiecesAddUp,
              (const std::vector<std::uint8_t>& a, const std::vector<std::uint8_t>& b)) {
  std::vector<std::uint8_t> both(a);
  both.insert(both.end(), b.begin(), b.end());
  RC_ASSERT(crc32c(both) == crc32c_by_table(both));
  RC_ASSERT(crc32c(b, crc32c(a)) == crc32c(both));
  RC_ASSERT(crc32c_by_table(b, crc32c_by_table(a)) == crc32c(both));
}

TEST(Sha256, MatchesFips180AndStartsOverAfterEachMessage) {
  const std::string abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  EXPECT_EQ(to_hex(sha256(bytes_of("abc"))), abc);
  Sha256 hash;
  for (int round = 0; round < 2; ++round) {
    hash.update(bytes_of("a"));
    hash.update(bytes_of("bc"));
    EXPECT_EQ(to_hex(hash.finish()), abc);
  }
}

// RFC 4231 §4.3.
TEST(Sha256, HmacMatchesTheVectorOfRfc4231) {
  EXPECT_EQ(to_hex(hmac_sha256(bytes_of("Jefe"), bytes_of("what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

RC_GTEST_PROP(HmacKey, GivesWhatHmacGivesForAnyKeyAndPieces,
              (const std::vector<std::uint8_t>& key, const std::vector<std::uint8_t>& a,
               const std::vector<std::uint8_t>& b)) {
  std::vector<std::uint8_t> whole = a;
  whole.insert(whole.end(), b.begin(), b.end());
  const HmacKey prepared{ByteView(key)};
  const std::array<ByteView, 2> pieces{ByteView(a), ByteView(b)};
  RC_ASSERT(prepared.of(pieces) == hmac_sha256(key, whole));
  RC_ASSERT(prepared.of(ByteView(whole)) == hmac_sha256(key, whole));
}

// RFC 4231 §4.7: a key longer than a block is hashed first.
TEST(HmacKey, TakesAKeyLongerThanABlock) {
  const std::vector<std::uint8_t> key(131, 0xaa);
  EXPECT_EQ(to_hex(HmacKey(ByteView(key))
                       .of(bytes_of("Test Using Larger Than Block-Size Key - Hash Key First"))),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(Sha256, ConstantTimeComparisonStillCompares) {
  EXPECT_TRUE(equal_in_constant_time(bytes_of("same"), bytes_of("same")));
  EXPECT_FALSE(equal_in_constant_time(bytes_of("same"), bytes_of("sane")));
  EXPECT_FALSE(equal_in_constant_time(bytes_of("same"), bytes_of("sam")));
}

// The example key of the API key format: its secret is SHA-256 of `bench`.
TEST(TextNumbers, SpellTheExampleKey) {
  EXPECT_EQ(to_base62(sha256(bytes_of("bench")), 43),
            "6Rs4Nxgdz8n9fugVEUZqL3xORLC3DnD5bFVBdBSVIt7");
  const std::uint32_t crc =
      crc32c(bytes_of("sk-tdn-jhvry0xfy6-6Rs4Nxgdz8n9fugVEUZqL3xORLC3DnD5bFVBdBSVIt7"));
  const std::vector<std::uint8_t> big_endian{
      static_cast<std::uint8_t>(crc >> 24U), static_cast<std::uint8_t>(crc >> 16U),
      static_cast<std::uint8_t>(crc >> 8U), static_cast<std::uint8_t>(crc)};
  EXPECT_EQ(to_base62(big_endian, 6), "4fEoXF");
}

RC_GTEST_PROP(TextNumbers, Base62RoundTrips, (std::uint64_t seed)) {
  SeededRandom random(seed);
  std::array<std::uint8_t, 32> number{};
  random.fill(std::as_writable_bytes(std::span(number)));
  std::array<std::uint8_t, 32> back{};
  RC_ASSERT(from_base62(to_base62(number, 43), back));
  RC_ASSERT(back == number);
}

TEST(TextNumbers, Base62RefusesForeignCharactersAndOverflow) {
  std::array<std::uint8_t, 4> out{};
  EXPECT_TRUE(from_base62("4gfFC3", out));  // 2^32 − 1
  EXPECT_EQ(out, (std::array<std::uint8_t, 4>{255, 255, 255, 255}));
  EXPECT_FALSE(from_base62("4gfFC4", out));
  EXPECT_FALSE(from_base62("zzzzzz", out));
  EXPECT_FALSE(from_base62("00-000", out));
}

TEST(TextNumbers, CrockfordHasNoLookAlikes) {
  const std::vector<std::uint8_t> bytes{0, 31, 32, 18, 63};
  EXPECT_EQ(to_crockford(bytes), "0z0jz");
  EXPECT_TRUE(is_crockford("jhvry0xfy6"));
  for (const char* text : {"i", "l", "o", "u", "J", "-"}) {
    EXPECT_FALSE(is_crockford(text)) << text;
  }
}

}  // namespace
}  // namespace tdn::codec

#include "codec/cbor.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "codec/hex.h"

namespace tdn::codec {
namespace {

std::string encoded(void (*write)(CborWriter&)) {
  ByteBuffer out;
  {
    CborWriter writer(out);
    write(writer);
  }
  EXPECT_TRUE(cbor_check(out.view()));
  return to_hex(out.view());
}

bool accepted(std::string_view hex) { return cbor_check(*from_hex(hex)).has_value(); }

// RFC 8949 appendix A.
TEST(Cbor, WritesTheExamplesOfTheRfc) {
  EXPECT_EQ(encoded([](CborWriter& w) { w.uint(0); }), "00");
  EXPECT_EQ(encoded([](CborWriter& w) { w.uint(23); }), "17");
  EXPECT_EQ(encoded([](CborWriter& w) { w.uint(24); }), "1818");
  EXPECT_EQ(encoded([](CborWriter& w) { w.uint(255); }), "18ff");
  EXPECT_EQ(encoded([](CborWriter& w) { w.uint(1000); }), "1903e8");
  EXPECT_EQ(encoded([](CborWriter& w) { w.uint(1000000); }), "1a000f4240");
  EXPECT_EQ(encoded([](CborWriter& w) { w.uint(UINT64_MAX); }), "1bffffffffffffffff");
  EXPECT_EQ(encoded([](CborWriter& w) { w.integer(-1000); }), "3903e7");
  EXPECT_EQ(encoded([](CborWriter& w) { w.bytes(bytes_of("\1\2\3\4")); }), "4401020304");
  EXPECT_EQ(encoded([](CborWriter& w) { w.text("IETF"); }), "6449455446");
  EXPECT_EQ(encoded([](CborWriter& w) { w.boolean(true); }), "f5");
  EXPECT_EQ(encoded([](CborWriter& w) {
              w.map(2);
              w.uint(1);
              w.uint(2);
              w.uint(3);
              w.array(1);
              w.uint(4);
            }),
            "a20102038104");
}

TEST(Cbor, RefusesWhatTheProductNeverWrites) {
  EXPECT_FALSE(accepted(""));
  EXPECT_FALSE(accepted("0000")) << "two values";
  EXPECT_FALSE(accepted("1817")) << "a head longer than needed";
  EXPECT_FALSE(accepted("1900ff"));
  EXPECT_FALSE(accepted("1a0000ffff"));
  EXPECT_FALSE(accepted("1b00000000ffffffff"));
  EXPECT_FALSE(accepted("5801aa"));
  EXPECT_FALSE(accepted("9fff")) << "indefinite array";
  EXPECT_FALSE(accepted("5f4101ff")) << "indefinite bytes";
  EXPECT_FALSE(accepted("f6")) << "null";
  EXPECT_FALSE(accepted("f7")) << "undefined";
  EXPECT_FALSE(accepted("f93c00")) << "half float";
  EXPECT_FALSE(accepted("fb3ff199999999999a")) << "double";
  EXPECT_FALSE(accepted("c100")) << "tag";
  EXPECT_FALSE(accepted("a202000100ff")) << "a byte too many";
  EXPECT_FALSE(accepted("a202000100")) << "keys descending";
  EXPECT_FALSE(accepted("a201000100")) << "a key twice";
  EXPECT_FALSE(accepted("42aa")) << "cut short";
  EXPECT_FALSE(accepted("8200"));
  EXPECT_FALSE(accepted("61ff")) << "not UTF-8";
  EXPECT_FALSE(accepted("62c080")) << "overlong UTF-8";
  EXPECT_FALSE(accepted("63eda080")) << "surrogate";
  EXPECT_TRUE(accepted("62c3bc"));
}

TEST(Cbor, NestsSixteenLevelsAndNoMore) {
  std::string sixteen;
  for (int i = 0; i < 15; ++i) {
    sixteen += "81";
  }
  EXPECT_TRUE(accepted(sixteen + "80"));
  EXPECT_FALSE(accepted("81" + sixteen + "80"));
}

TEST(Cbor, AReaderThatMetTheWrongKindFailsForGood) {
  const auto bytes = *from_hex("8201616a");
  CborReader reader(bytes);
  EXPECT_EQ(reader.array(), 2U);
  EXPECT_EQ(reader.text(), "");
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.uint(), 0U);
  EXPECT_FALSE(reader.ok());
}

TEST(Cbor, ACountLargerThanTheInputIsRefusedBeforeItSizesAnything) {
  const auto bytes = *from_hex("9bffffffffffffffff");
  CborReader reader(bytes);
  EXPECT_EQ(reader.array(), 0U);
  EXPECT_FALSE(reader.ok());
}

// Beyond the room that a writer asks for at once, in every step across its end.
TEST(Cbor, GrowsTheBufferAsItWrites) {
  const std::vector<std::uint8_t> content(1200, 0xab);
  for (std::size_t filler = 0; filler < 1200; ++filler) {
    ByteBuffer out(ByteView(content).first(3));
    {
      CborWriter writer(out);
      writer.array(3);
      writer.bytes(ByteView(content).first(filler));
      writer.uint(UINT64_MAX);
      writer.bytes(std::array<std::uint8_t, 16>{7});
    }
    CborReader reader(out.view().subspan(3));
    EXPECT_EQ(reader.array(), 3U);
    EXPECT_TRUE(std::ranges::equal(reader.bytes(), ByteView(content).first(filler)));
    EXPECT_EQ(reader.uint(), UINT64_MAX);
    EXPECT_EQ(reader.bytes()[0], 7);
    EXPECT_TRUE(reader.ok() && reader.at_end());
  }
}

RC_GTEST_PROP(Cbor, ReadsBackWhatItWrote,
              (std::uint64_t number, std::int64_t integer, const std::string& bytes, bool flag)) {
  ByteBuffer out;
  {
    CborWriter writer(out);
    writer.array(4);
    writer.uint(number);
    writer.integer(integer);
    writer.bytes(bytes_of(bytes));
    writer.boolean(flag);
  }
  RC_ASSERT(cbor_check(out.view()).has_value());
  CborReader reader(out.view());
  RC_ASSERT(reader.array() == 4U);
  RC_ASSERT(reader.uint() == number);
  RC_ASSERT(reader.integer() == integer);
  RC_ASSERT(text_of(reader.bytes()) == bytes);
  RC_ASSERT(reader.boolean() == flag);
  RC_ASSERT(reader.ok());
  RC_ASSERT(reader.at_end());
}

}  // namespace
}  // namespace tdn::codec

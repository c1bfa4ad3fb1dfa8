#include "books/frame.h"

#include <gtest/gtest.h>

#include <vector>

#include "codec/hex.h"

namespace tdn::books {
namespace {

constexpr std::uint32_t kSalt = 0x5a17cafe;

std::vector<std::uint8_t> framed(const Frame& frame, ByteView payload) {
  ByteBuffer out;
  const std::size_t at = begin_frame(out);
  out.append(payload);
  end_frame(out, at, frame, kSalt);
  return {out.view().begin(), out.view().end()};
}

// The worked example of the journal format's page.
TEST(Frame, TheWorkedExampleHasExactlyItsBytes) {
  SegmentHeader header{.epoch = 1, .edge = {}, .log = {}, .first_lsn = 1, .salt = kSalt};
  header.edge.bytes.fill(0xed);
  header.log.bytes.fill(0x10);
  EXPECT_EQ(codec::to_hex(encode_header(header)),
            "54444e4a524e4c310100000001000000edededededededededededededededed"
            "101010101010101010101010101010100100000000000000feca175ad13fd056");
  const auto delivered = *codec::from_hex("8107");
  const auto bytes = framed({.lsn = 9, .type = FrameType::kDelivered, .index = 2}, delivered);
  EXPECT_EQ(codec::to_hex(bytes), "02000000a4e5fdf309000000000000000901020081070000");
}

TEST(Frame, ReadsBackWhatItWroteAndNothingElse) {
  const auto payload = *codec::from_hex("8107");
  const auto bytes = framed({.lsn = 9, .type = FrameType::kDelivered, .index = 2}, payload);
  ASSERT_EQ(bytes.size() % 8, 0U);
  const auto frame = parse_frame(bytes, kSalt);
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->lsn, 9U);
  EXPECT_EQ(frame->type, FrameType::kDelivered);
  EXPECT_EQ(frame->index, 2U);
  EXPECT_EQ(frame->batch(), 7U);
  EXPECT_EQ(codec::to_hex(frame->payload), "8107");
  EXPECT_FALSE(parse_frame(bytes, kSalt + 1)) << "of another segment";
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    EXPECT_FALSE(parse_frame(ByteView(bytes).first(cut), kSalt)) << cut;
  }
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    auto flipped = bytes;
    flipped[bit / 8] = static_cast<std::uint8_t>(flipped[bit / 8] ^ (1U << (bit % 8)));
    EXPECT_FALSE(parse_frame(flipped, kSalt)) << "bit " << bit << ", padding included";
  }
}

TEST(Frame, ZerosNeverParseWhateverTheSalt) {
  const std::vector<std::uint8_t> zeros(64);
  EXPECT_FALSE(parse_frame(zeros, 0));
  EXPECT_FALSE(parse_frame(zeros, kSalt));
}

TEST(SegmentHeader, EveryFlippedBitIsRefused) {
  const SegmentHeader header{.epoch = 7, .edge = {}, .log = {}, .first_lsn = 99, .salt = kSalt};
  const auto bytes = encode_header(header);
  EXPECT_EQ(*parse_header(bytes), header);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    auto flipped = bytes;
    flipped[bit / 8] = static_cast<std::uint8_t>(flipped[bit / 8] ^ (1U << (bit % 8)));
    EXPECT_FALSE(parse_header(flipped)) << bit;
  }
}

TEST(FileName, IsWhatWeWriteAndNothingElse) {
  EXPECT_EQ(file_name({1, 0x1f}, kSegmentSuffix), "00000001-000000000000001f.tj");
  const auto name = parse_file_name("00000001-000000000000001f.tj", kSegmentSuffix);
  ASSERT_TRUE(name);
  EXPECT_EQ(name->epoch, 1U);
  EXPECT_EQ(name->lsn, 0x1fU);
  for (const char* text :
       {"00000001-000000000000001F.tj", "1-1f.tj", "00000001-000000000000001f.tc", "reserve.tmp",
        "00000001-000000000000001f.tj.tmp", "00000001_000000000000001f.tj", ""}) {
    EXPECT_FALSE(parse_file_name(text, kSegmentSuffix)) << text;
  }
}

}  // namespace
}  // namespace tdn::books

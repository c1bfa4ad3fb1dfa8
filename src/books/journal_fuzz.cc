// Any bytes as a segment: the scan ends, frames that pass decode or are refused, replay never
// crashes, and what replay accepts survives a checkpoint. The input is frames without their
// checksums, so that the fuzzer gets past them: u16 payload length, u8 type, u8 index, payload.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "books/checkpoint_file.h"
#include "books/entry.h"
#include "books/orphan.h"
#include "books/replica.h"
#include "books/scan.h"

namespace {

using namespace tdn;
using namespace tdn::books;

constexpr std::uint32_t kSalt = 7;

ByteBuffer segment_of(ByteView input) {
  ByteBuffer segment;
  segment.append(encode_header({.epoch = 1, .edge = {}, .log = {}, .first_lsn = 1, .salt = kSalt}));
  for (std::uint64_t lsn = 1; input.size() > 4; ++lsn) {
    const std::size_t length = std::min<std::size_t>(input[0] + input[1] * 256U, input.size() - 4);
    Frame frame{.lsn = lsn, .type = static_cast<FrameType>(input[2])};
    frame.index = static_cast<std::uint16_t>(std::min<std::uint64_t>(input[3], lsn));
    if (length == 0) {
      break;
    }
    const std::size_t at = begin_frame(segment);
    segment.append(input.subspan(4, length));
    end_frame(segment, at, frame, kSalt);
    input = input.subspan(4 + length);
  }
  segment.append(input);  // and a tail that is no frame
  return segment;
}

void check(const Replica& replica) {
  ByteBuffer file;
  encode_checkpoint(replica, file);
  const auto back = decode_checkpoint(file.view());
  TDN_ASSERT(back.has_value());
  ByteBuffer again;
  encode_checkpoint(*back, again);
  TDN_ASSERT(std::ranges::equal(again.view(), file.view()));
  replica.for_each_open([](const OpenAdmission& admission) {
    // What replay let in can be settled.
    TDN_ASSERT(settle_orphan(admission, {}).has_value());
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input(data, size);
  static_cast<void>(parse_header(input).has_value());
  static_cast<void>(parse_frame(input, kSalt).has_value());
  static_cast<void>(decode_checkpoint(input).has_value());

  const ByteBuffer segment = segment_of(input);
  const auto header = parse_header(segment.view());
  TDN_ASSERT(header.has_value());
  Replica replica;
  const auto visit = [&](const Frame& frame, std::uint64_t) -> Result<void> {
    TDN_TRY(const Entry entry, decode_entry(frame));
    return replica.apply(entry, frame.payload);
  };
  static_cast<void>(scan_segment(segment.view(), *header, kNoLsn, visit).has_value());
  check(replica);
  return 0;
}

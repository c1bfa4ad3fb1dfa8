#include "books/checkpoint_file.h"

#include <algorithm>

#include "codec/sha256.h"

namespace tdn::books {
namespace {

constexpr std::string_view kCheckpointMagic = "TDNCKPT1";

}  // namespace

void encode_checkpoint(const Replica& replica, ByteBuffer& out) {
  const std::size_t start = out.size();
  out.append(bytes_of(kCheckpointMagic));
  replica.encode(out);
  const codec::Digest digest = codec::sha256(out.view().subspan(start));
  out.append(digest);
}

Result<Replica> decode_checkpoint(ByteView bytes) {
  constexpr std::size_t kAround = kCheckpointMagic.size() + sizeof(codec::Digest);
  if (bytes.size() < kAround || text_of(bytes.first(kCheckpointMagic.size())) != kCheckpointMagic) {
    return fail(Code::kCorrupt, "not a checkpoint file");
  }
  const ByteView hashed = bytes.first(bytes.size() - sizeof(codec::Digest));
  if (!std::ranges::equal(codec::sha256(hashed), bytes.last(sizeof(codec::Digest)))) {
    return fail(Code::kCorrupt, "its hash does not match");
  }
  return Replica::decode(hashed.subspan(kCheckpointMagic.size()));
}

}  // namespace tdn::books

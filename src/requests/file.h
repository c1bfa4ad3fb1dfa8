// A file of the request log (docs/reference/formats/request-log.md): a header, then frames
//
//   u32 length of the payload | u32 CRC-32C of type and payload | u8 type | payload
//
// in the order of writing. It is droppable: a reader takes what is whole, from the front, and says
// whether something behind it is not.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "base/byte_buffer.h"
#include "base/bytes.h"
#include "requests/entry.h"

namespace tdn::requests {

inline constexpr std::string_view kMagic = "TDNREQL1";
inline constexpr std::size_t kFrameHeader = 9;
inline constexpr std::size_t kMostPayload = std::size_t{16} << 20U;  // names of a large catalogue

enum class FrameType : std::uint8_t { kNames = 1, kDecided = 2, kEnded = 3 };

// Appends a frame whose payload `encode` appends.
template <class Value>
void append_frame(FrameType type, const Value& value, ByteBuffer& out);
extern template void append_frame(FrameType, const Names&, ByteBuffer&);
extern template void append_frame(FrameType, const Decided&, ByteBuffer&);
extern template void append_frame(FrameType, const Ended&, ByteBuffer&);

class Visitor {
 public:
  virtual void on(Names names) = 0;
  virtual void on(Decided decided) = 0;
  virtual void on(Ended ended) = 0;

 protected:
  ~Visitor() = default;
};

struct FileScan {
  bool is_log = false;      // the header fits
  std::size_t whole = 0;    // bytes of it that were read
  std::size_t damaged = 0;  // bytes behind them: torn, or still being written
  std::size_t unknown =
      0;  // frames of types or shapes that this version does not know, passed over
};
[[nodiscard]] FileScan scan_file(ByteView file, Visitor& visitor);

}  // namespace tdn::requests

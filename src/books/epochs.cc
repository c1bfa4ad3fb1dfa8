#include "books/epochs.h"

#include <fmt/format.h>

#include <charconv>

#include "books/frame.h"
#include "codec/hex.h"
#include "codec/json_reader.h"
#include "codec/json_writer.h"

namespace tdn::books {
namespace {

constexpr std::string_view kEndSuffix = ".end";

std::string end_path(const std::string& dir, std::uint32_t epoch) {
  return fmt::format("{}/{}{}", dir, codec::hex_number(epoch, 8), kEndSuffix);
}

template <class Number>
bool parse_number(std::string_view text, Number& number) {
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
}

tl::unexpected<Error> damaged(const std::string& path) {
  return fail(Code::kCorrupt, path + ": damaged; restore it from a backup of the state folder");
}

}  // namespace

Result<std::uint32_t> read_epoch(io::Disk& disk, const std::string& state_dir) {
  const std::string path = fmt::format("{}/{}", state_dir, kEpochFile);
  const auto bytes = io::read_file(disk, path);
  if (!bytes) {
    return bytes.error().code() == Code::kMissing ? Result<std::uint32_t>(1) : fail(bytes.error());
  }
  std::string_view text = text_of(*bytes);
  text = text.substr(0, text.find('\n'));
  std::uint32_t epoch = 0;
  if (!parse_number(text, epoch) || epoch == 0) {
    return damaged(path);
  }
  return epoch;
}

Result<void> write_epoch(io::Disk& disk, const std::string& state_dir, std::uint32_t epoch) {
  return io::replace_file(disk, fmt::format("{}/{}", state_dir, kEpochFile),
                          bytes_of(fmt::format("{}\n", epoch)));
}

Result<EpochEnd> read_epoch_end(io::Disk& disk, const std::string& dir, std::uint32_t epoch) {
  const std::string path = end_path(dir, epoch);
  TDN_TRY(const std::vector<std::uint8_t> bytes, io::read_file(disk, path));
  EpochEnd end;
  end.epoch = epoch;
  codec::JsonReader json(text_of(bytes));
  unsigned seen = 0;
  if (json.enter_object()) {
    while (const auto name = json.next_key()) {
      if (*name == "log") {
        const auto log = Uid::parse(json.string());
        end.log = log.value_or(Uid{});
        seen |= log ? 1U : 0U;
      } else if (*name == "lastSeq") {
        seen |= parse_number(json.string(), end.last_seq) ? 2U : 0U;
      } else if (*name == "forked") {
        const auto forked = json.boolean();
        end.forked = forked.value_or(true);
        seen |= forked ? 4U : 0U;
      } else {
        json.skip();
      }
    }
  }
  if (!json.finish() || seen != 7U) {
    return damaged(path);
  }
  return end;
}

Result<void> write_epoch_end(io::Disk& disk, const std::string& dir, const EpochEnd& end) {
  std::string text;
  codec::JsonWriter json(text);
  json.begin_object().key("log").string(to_string(end.log));
  json.key("lastSeq").string(std::to_string(end.last_seq));
  json.key("forked").boolean(end.forked).end_object();
  return io::replace_file(disk, end_path(dir, end.epoch), bytes_of(text + "\n"));
}

Result<void> remove_epoch(io::Disk& disk, const std::string& dir, std::uint32_t epoch) {
  TDN_TRY(const std::vector<std::string> names, disk.list(dir));
  for (const std::string& name : names) {
    const auto segment = parse_file_name(name, kSegmentSuffix);
    const auto checkpoint = parse_file_name(name, kCheckpointSuffix);
    if ((segment && segment->epoch == epoch) || (checkpoint && checkpoint->epoch == epoch)) {
      TDN_TRY_VOID(disk.remove(dir + "/" + name));
    }
  }
  // Last: as long as there is a segment, its end is known.
  TDN_TRY_VOID(disk.sync_dir(dir));
  return disk.remove(end_path(dir, epoch));
}

}  // namespace tdn::books

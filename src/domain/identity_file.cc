// The one place of this module that writes: uids.json in the state folder.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include "domain/identity.h"

namespace tdn::domain {
namespace {

std::string reason(int error) { return std::generic_category().message(error); }

Result<void> write_synced(const std::string& path, std::string_view text) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  int error = file < 0 ? errno : 0;
  while (error == 0 && !text.empty()) {
    const ssize_t written = ::write(file, text.data(), text.size());
    if (written > 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (written < 0 && errno != EINTR) {
      error = errno;
    }
  }
  if (error == 0 && ::fsync(file) != 0) {
    error = errno;
  }
  if (file >= 0) {
    ::close(file);
  }
  if (error != 0) {
    return fail(error == ENOSPC ? Code::kNoSpace : Code::kUnavailable,
                fmt::format("{}: cannot be written: {}", path, reason(error)));
  }
  return {};
}

Result<void> sync_folder(const std::string& path) {
  const int folder = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = folder >= 0 && ::fsync(folder) == 0;
  const int error = errno;
  if (folder >= 0) {
    ::close(folder);
  }
  if (!synced) {
    return fail(Code::kUnavailable, fmt::format("{}: cannot be synced: {}", path, reason(error)));
  }
  return {};
}

}  // namespace

Result<Identities> read_identities(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error) && !error) {
    return Identities{};
  }
  std::ifstream file(path, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  if (error || !file) {
    return fail(Code::kUnavailable, fmt::format("{}: cannot be read; check its permissions", path));
  }
  return parse_identities(text, path);
}

Result<void> write_identities(const std::string& path, const Identities& identities) {
  const std::string temporary = path + ".new";
  TDN_TRY_VOID(write_synced(temporary, to_json(identities)));
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    return fail(Code::kUnavailable, fmt::format("{}: cannot be replaced: {}", path, reason(errno)));
  }
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return sync_folder(folder.empty() ? "." : folder);
}

}  // namespace tdn::domain

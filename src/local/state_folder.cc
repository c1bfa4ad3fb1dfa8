#include "local/state_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "domain/api_key.h"

namespace tdn::local {
namespace {

// Only whoever holds the lock writes its pid, so a pid that is read while the lock is held by
// another is that one's, or not yet written.
Result<FileDescriptor> lock(const std::string& folder) {
  const std::string path = folder + "/up.lock";
  FileDescriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file.is_open()) {
    return fail(Code::kUnavailable, system_failure("cannot open", path));
  }
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    const Result<std::string> holder = read_text(path);
    return fail(Code::kUnavailable,
                fmt::format("a network already runs in {} (tdn up, pid {}): stop it, or give "
                            "another folder by --state",
                            folder, holder && !holder->empty() ? *holder : "unknown"));
  }
  const std::string pid = std::to_string(::getpid());
  if (::ftruncate(file.get(), 0) != 0 ||
      ::write(file.get(), pid.data(), pid.size()) != static_cast<ssize_t>(pid.size())) {
    return fail(Code::kUnavailable, system_failure("cannot write", path));
  }
  return file;
}

}  // namespace

std::string default_state_folder(const char* xdg_state_home, const char* home) {
  // Relative values are to be ignored (XDG Base Directory Specification 0.8).
  if (xdg_state_home != nullptr && *xdg_state_home == '/') {
    return std::string(xdg_state_home) + "/tdn";
  }
  return home != nullptr && *home != '\0' ? std::string(home) + "/.local/state/tdn" : ".tdn";
}

Result<StateFolder> StateFolder::open(const std::string& path) {
  TDN_TRY_VOID(make_folder(path));
  TDN_TRY(FileDescriptor locked, lock(path));
  StateFolder folder(path, std::move(locked));
  for (const std::string_view part : {"control", "sites", "manifests", "logs", "ready"}) {
    TDN_TRY_VOID(make_folder(folder.file(part)));
  }
  return folder;
}

std::string StateFolder::file(std::string_view name) const {
  return fmt::format("{}/{}", path_, name);
}

Result<Secret> StateFolder::demo_key(Random& random) const {
  const std::string path = file("demo-key");
  Result<std::string> text = read_text(path);
  if (!text && text.error().code() == Code::kMissing) {
    Secret made(domain::make_api_key(random).text);
    TDN_TRY_VOID(write_private(path, made.reveal() + "\n"));
    return made;
  }
  if (!text) {
    return fail(std::move(text).error());
  }
  // However the file came here: others are not to read it.
  if (::chmod(path.c_str(), 0600) != 0) {
    return fail(Code::kInvalid,
                fmt::format("{} belongs to somebody else: remove it, or give it back "
                            "to whoever runs this",
                            path));
  }
  while (text->ends_with('\n')) {
    text->pop_back();
  }
  if (!domain::parse_api_key(*text)) {
    return fail(Code::kInvalid,
                fmt::format("{} does not hold an API key: remove it to get a new one", path));
  }
  return Secret(*std::move(text));
}

}  // namespace tdn::local

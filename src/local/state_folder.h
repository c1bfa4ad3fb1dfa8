// The one folder in which `tdn up` keeps everything, so that a second start is the same network:
//
//   demo-key       the demo key's secret, 0600, made at the first start
//   control/       control's own: its store, keys, the operator token
//   sites/NAME/    an edge's own: its books, its last snapshot, its node secret
//   manifests/     what was put into control last (catalogue.h)
//   logs/          one file per process
//   ports.json     the ports in use, for `--ports auto`
//   ready/         the ready files of the children
//   up.lock        locked while a network runs; holds the pid
#pragma once

#include <string>

#include "base/random.h"
#include "base/result.h"
#include "base/secret.h"
#include "local/files.h"

namespace tdn::local {

// $XDG_STATE_HOME/tdn, else ~/.local/state/tdn. Either value may be null; with both so, .tdn here.
[[nodiscard]] std::string default_state_folder(const char* xdg_state_home, const char* home);

class StateFolder {
 public:
  // Makes and locks the folder. kUnavailable if it cannot be written, or if another network runs in
  // it: then the message names its pid.
  [[nodiscard]] static Result<StateFolder> open(const std::string& path);

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string file(std::string_view name) const;

  // Makes it if there is none. kInvalid if the file does not hold a key.
  [[nodiscard]] Result<Secret> demo_key(Random& random) const;

 private:
  StateFolder(std::string path, FileDescriptor lock)
      : path_(std::move(path)), lock_(std::move(lock)) {}
  std::string path_;
  FileDescriptor lock_;
};

}  // namespace tdn::local

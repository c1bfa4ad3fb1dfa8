// What `tdn up` says on the terminal when everything serves.
#pragma once

#include <string>

#include "local/reports.h"

namespace tdn::local {

struct Announcement {
  NetworkReport network;
  ServedModel model;
  std::string program;  // how to call tdn, for commands to copy
  std::string state_folder;
  bool colours = false;
};

// A table of sites, the line that streams an answer, and what to do next. Shows the demo key: that
// is what the line is for.
[[nodiscard]] std::string announce(const Announcement& what);

// The line alone.
[[nodiscard]] std::string curl_line(const NetworkReport& network);

}  // namespace tdn::local

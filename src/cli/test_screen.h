// For tests: what a command said.
#pragma once

#include <sstream>
#include <string>

#include "cli/screen.h"

namespace tdn::cli {

class TestScreen {
 public:
  [[nodiscard]] Screen screen() { return {out_, err_}; }
  [[nodiscard]] std::string out() const { return out_.str(); }
  [[nodiscard]] std::string err() const { return err_.str(); }

 private:
  std::ostringstream out_;
  std::ostringstream err_;
};

}  // namespace tdn::cli

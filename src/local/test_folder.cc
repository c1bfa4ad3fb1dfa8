#include "local/test_folder.h"

#include <stdlib.h>

#include <filesystem>
#include <system_error>

#include "base/assert.h"

namespace tdn::local {

TestFolder::TestFolder()
    : path_((std::filesystem::temp_directory_path() / "tdn-local-XXXXXX").string()) {
  TDN_ASSERT(::mkdtemp(path_.data()) != nullptr);
}

TestFolder::~TestFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace tdn::local

#include "base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace tdn {

void assertion_failed(const char* file, int line, const char* condition) {
  std::fprintf(stderr, "tdn: invariant broken at %s:%d: %s\n", file, line, condition);
  std::abort();
}

}  // namespace tdn
